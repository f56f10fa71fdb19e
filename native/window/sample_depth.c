/* sample_depth.c: how deep a sample usually is, from some hundred loci of its reads.
 *
 * The contigs are cut into cells. The first reads of a cell show whether it has any, and how many lie
 * over a locus near its beginning. Where few loci have reads (an exome, a file of one region), the
 * cells that have any are cut finer, until there are enough. In words: docs/reference/encodings.md. */
#include "sample_depth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"

#define CELLS 128  /* of all contigs together, at first */
#define FINER 16   /* parts of a cell */
#define MOST 4096  /* cells that are looked at at a time */
#define ENOUGH 16  /* loci that have reads, of which no few have most (effective number, Kish 1965) */
#define FEWEST 4   /* with fewer nothing is said */
#define BEHIND 256 /* from a cell's first read to its locus: past the edge where depth builds up */
#define SHORTEST (4 * BEHIND)
#define NEAR 8192      /* half a step of a BAM's linear index */
#define LOOKED_AT 1000 /* reads of a cell, to find one that counts */
#define SMALL_CONTIG 4 /* contigs shorter than this part of a cell are left out, if there are others */

typedef struct {
    const char *contig;
    int64_t begin, end;
    int64_t locus; /* -1: not known yet */
    int64_t reads; /* over the locus; -1: none was found */
} cell;

typedef struct {
    cell *cells;
    size_t n, capacity;
} cell_list;

/* Adds [begin, end) of a contig, in n cells of like size. */
static int add_cells(cell_list *list, const char *contig, int64_t begin, int64_t end, int64_t n) {
    if (n < 1) n = 1;
    if (cnnscore_reserve(&list->cells, &list->capacity, list->n + (size_t)n, sizeof(cell)) < 0) return -1;
    for (int64_t i = 0; i < n; i++)
        list->cells[list->n++] =
            (cell){contig, begin + (end - begin) * i / n, begin + (end - begin) * (i + 1) / n, -1, -1};
    return 0;
}

static int compare_names(const void *left, const void *right) {
    const cell *a = left, *b = right;
    return strcmp(a->contig, b->contig);
}

/* The contigs that all files have, by name and length, each as one cell. They stand in the order of their
 * names, so that neither the order of files matters nor that of contigs in a header. */
static int shared_contigs(const cnnscore_reads *reads, cell_list *list) {
    sam_hdr_t *first = reads->files[0].header;
    for (int tid = 0; tid < sam_hdr_nref(first); tid++) {
        const char *contig = sam_hdr_tid2name(first, tid);
        int64_t length = sam_hdr_tid2len(first, tid);
        bool shared = true;
        for (int32_t i = 1; shared && i < reads->n_files; i++) {
            sam_hdr_t *other = reads->files[i].header;
            int at = sam_hdr_name2tid(other, contig);
            shared = at >= 0 && sam_hdr_tid2len(other, at) == length;
        }
        if (shared && add_cells(list, contig, 0, length, 1) < 0) return -1;
    }
    if (list->n) qsort(list->cells, list->n, sizeof(cell), compare_names);
    return 0;
}

/* Cuts every `step`-th contig that has `shortest` bases. */
static int cut_contigs(const cell_list *contigs, int64_t size, int64_t shortest, size_t step,
                       cell_list *list) {
    for (size_t i = 0; i < contigs->n; i += step) {
        const cell *contig = &contigs->cells[i];
        if (contig->end < shortest) continue;
        if (add_cells(list, contig->contig, 0, contig->end, contig->end / size) < 0) return -1;
    }
    return 0;
}

/* `all`: small contigs too. */
static int cut_genome(const cnnscore_reads *reads, bool all, cell_list *list) {
    cell_list contigs = {0};
    int64_t total = 0;
    int status = shared_contigs(reads, &contigs);
    for (size_t i = 0; i < contigs.n; i++) total += contigs.cells[i].end;
    int64_t size = total / CELLS > SHORTEST ? total / CELLS : SHORTEST;
    if (status == 0 && !all) status = cut_contigs(&contigs, size, size / SMALL_CONTIG, 1, list);
    if (status == 0 && list->n == 0) /* scaffolds */
        status = cut_contigs(&contigs, size, 0, contigs.n / MOST + 1, list);
    free(contigs.cells);
    return status;
}

/* What a read says of a cell that it lies over. */
static void see(cell *at, int64_t pos, int64_t end, bool counts) {
    if (at->locus < 0) { /* the first that it meets */
        at->locus = (pos > at->begin ? pos : at->begin) + BEHIND;
        if (at->locus < at->end) at->reads = 0;
    }
    if (pos <= at->locus && end > at->locus && at->locus < at->end) at->reads += counts;
}

static bool is_seen(const cell *at, int64_t pos) {
    return pos >= at->end || (at->locus >= 0 && pos > at->locus);
}

/* Looks at neighbouring cells, in order, in one pass over their reads. */
static int look(cnnscore_reads *reads, cell *cells, size_t n, cnnscore_error *err) {
    int code = cnnscore_reads_query(reads, cells->contig, cells->begin, cells[n - 1].end, err);
    while (code == CNNSCORE_OK) {
        int64_t pos = cnnscore_reads_next_pos(reads);
        while (n > 0 && is_seen(cells, pos)) cells++, n--;
        if (n == 0) break;
        cnnscore_taken_read taken;
        code = cnnscore_reads_take(reads, cells->begin, &taken, err);
        if (!taken.read) continue;
        for (size_t i = 0; i < n && cells[i].begin < taken.end; i++)
            if (pos < cells[i].end) see(&cells[i], pos, taken.end, taken.counts);
        cnnscore_reads_give_back(reads, taken.read);
    }
    return code;
}

/* How many of the cells from the first on are neighbours. A query decodes half a step of the index on average
 * before it meets its first read, so cells closer than that would have the same reads decoded again. */
static size_t count_neighbours(const cell *cells, size_t n) {
    size_t i = 1;
    while (i < n && !strcmp(cells[i].contig, cells->contig) && cells[i].begin - cells[i - 1].begin <= NEAR)
        i++;
    return i;
}

/* Looks at all cells and keeps those with reads. */
static int look_at_all(cnnscore_reads *reads, cell_list *list, cnnscore_error *err) {
    for (size_t i = 0, n; i < list->n; i += n) {
        n = count_neighbours(&list->cells[i], list->n - i);
        int code = look(reads, &list->cells[i], n, err);
        if (code != CNNSCORE_OK) return code;
    }
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->cells[i].reads >= 0) list->cells[kept++] = list->cells[i];
    list->n = kept;
    return CNNSCORE_OK;
}

/* Cuts every cell finer; *cut says whether that could be done. */
static int cut_finer(cell_list *list, bool *cut) {
    cell_list finer = {0};
    for (size_t i = 0; i < list->n; i++) {
        const cell *c = &list->cells[i];
        int64_t parts = (c->end - c->begin) / SHORTEST;
        if (add_cells(&finer, c->contig, c->begin, c->end, parts < FINER ? parts : FINER) < 0) {
            free(finer.cells);
            return -1;
        }
    }
    *cut = finer.n > list->n && finer.n <= MOST;
    free(*cut ? list->cells : finer.cells);
    if (*cut) *list = finer;
    return 0;
}

/* (sum of reads)^2 / sum of reads^2: how many loci of like depth would say as much. */
static double effective_number(const cell_list *list) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < list->n; i++) {
        double reads = (double)list->cells[i].reads;
        sum += reads;
        squares += reads * reads;
    }
    return squares > 0 ? sum * sum / squares : 0;
}

static int compare_reads(const void *left, const void *right) {
    const cell *a = left, *b = right;
    return (a->reads > b->reads) - (a->reads < b->reads);
}

/* Most loci of an exome are off target: weighted by their reads they do not count. */
static float weighted_median(cell_list *list) {
    int64_t all = 0, below = 0;
    for (size_t i = 0; i < list->n; i++) all += list->cells[i].reads;
    qsort(list->cells, list->n, sizeof(cell), compare_reads);
    for (size_t i = 0; i < list->n; i++) {
        below += list->cells[i].reads;
        if (2 * below >= all) return (float)list->cells[i].reads;
    }
    return NAN;
}

int cnnscore_sample_depth(cnnscore_reads *reads, float *depth, int32_t *parts, int32_t *covered,
                          cnnscore_error *err) {
    cell_list list = {0};
    bool cut = true;
    int code =
        reads->n_files == 0 || cut_genome(reads, false, &list) == 0 ? CNNSCORE_OK : cnnscore_fail_memory(err);
    *parts = (int32_t)list.n;
    if (code == CNNSCORE_OK) code = look_at_all(reads, &list, err);
    *covered = (int32_t)list.n;
    while (code == CNNSCORE_OK && effective_number(&list) < ENOUGH) {
        if (cut_finer(&list, &cut) < 0) code = cnnscore_fail_memory(err);
        if (!cut || code != CNNSCORE_OK) break;
        code = look_at_all(reads, &list, err);
    }
    if (code == CNNSCORE_OK) *depth = effective_number(&list) >= FEWEST ? weighted_median(&list) : NAN;
    free(list.cells);
    return code;
}

static int look_for_one(cnnscore_reads *reads, const cell *at, bool *any, cnnscore_error *err) {
    int code = cnnscore_reads_query(reads, at->contig, at->begin, at->end, err);
    for (int i = 0; code == CNNSCORE_OK && !*any && i < LOOKED_AT; i++) {
        if (cnnscore_reads_next_pos(reads) >= at->end) break;
        cnnscore_taken_read taken;
        code = cnnscore_reads_take(reads, -1, &taken, err);
        *any = taken.counts;
        cnnscore_reads_give_back(reads, taken.read);
    }
    return code;
}

int cnnscore_any_read_counts(cnnscore_reads *reads, bool *any, cnnscore_error *err) {
    cell_list list = {0};
    *any = false;
    int code =
        reads->n_files == 0 || cut_genome(reads, true, &list) == 0 ? CNNSCORE_OK : cnnscore_fail_memory(err);
    for (size_t i = 0; code == CNNSCORE_OK && !*any && i < list.n; i++)
        code = look_for_one(reads, &list.cells[i], any, err);
    free(list.cells);
    return code;
}
