/* index_check.c: TBI, CSI, BAI (SAM specification, section 5; CSIv1).
 *
 * htslib 1.16 to 1.24 end the process, or never end, on indexes that were cut or altered, and read fewer
 * records than there are where a bin or an offset is another's. */
#include "index_check.h"

#include <htslib/bgzf.h>
#include <htslib/hts.h>
#include <htslib/kstring.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "shell_word.h"

#define MAX_DEPTH 9 /* levels below the root of a CSI: 2^44 bases at the least shift in use */
#define CACHE_BYTES (1 << 20)
#define TBX_FIELDS 7 /* format, sequence, begin, end, meta, skip, length of names */
#define MAX_NAMES (1 << 27)

#define CUT_OR_OUTSIDE "is cut short, or " CNNSCORE_OUTSIDE
static const char CONTIGS_MIXED[] = "has contigs in another order than the header of its file";

typedef struct {
    uint32_t number;
    uint64_t begin, end; /* of its chunks, as virtual offsets */
    uint64_t first;      /* a CSI's offset of the first record over the bin */
    uint32_t from, to;   /* what it covers, in bins of the smallest kind */
} bin;

typedef struct {
    uint64_t begin, end;
} chunk;

typedef struct {
    BGZF *file;
    int64_t size; /* of the indexed file; 0: not known */
    bool is_csi, is_bam;
    int depth, shift;                /* levels below the root; the smallest bins have 2^shift bases */
    int64_t counted;                 /* records of the contig at hand, -1: the index does not say */
    cnnscore_indexed_contigs *found; /* or NULL */
    bin *bins;                       /* of the contig at hand */
    size_t n_bins, bins_room;
    bin **ended; /* the same, in the order in which they end */
    size_t ended_room;
    chunk *chunks; /* of all its bins */
    size_t n_chunks, chunks_room;
    uint64_t *windows; /* its linear index */
    size_t n_windows, windows_room;
    uint64_t after;             /* where the last contig's records end */
    kstring_t names;            /* of a VCF's contigs, each ended by a zero */
    size_t name_found, name_at; /* of the contig at hand, and of the next */
    BGZF *records;              /* the VCF itself */
    kstring_t line;
} checker;

/* ---- bytes ---- */

static bool take(checker *self, void *to, size_t n) {
    return bgzf_read(self->file, to, n) == (ssize_t)n;
}

static bool take_count(checker *self, int64_t most, int32_t *value) {
    return take(self, value, sizeof *value) && *value >= 0 && *value <= most;
}

/* A virtual offset: the place of a block in the file, and of a byte in the block. */
static bool take_offset(checker *self, uint64_t *offset) {
    return take(self, offset, sizeof *offset) && (self->size == 0 || (int64_t)(*offset >> 16) <= self->size);
}

/* ---- bins ---- */

static uint32_t first_of_level(int level) {
    return ((1U << (3 * level)) - 1) / 7;
}

/* The bin that holds counts in place of chunks. */
static uint32_t counts_bin(const checker *self) {
    return first_of_level(self->depth + 1) + 1;
}

static int level_of(uint32_t number) {
    int level = 0;
    while (number >= first_of_level(level + 1)) level++;
    return level;
}

static const char *take_chunks(checker *self, bin *one, int32_t n) {
    one->begin = UINT64_MAX;
    one->end = 0;
    for (int32_t i = 0; i < n; i++) {
        uint64_t begin, end;
        if (!take_offset(self, &begin) || !take_offset(self, &end)) return CUT_OR_OUTSIDE;
        if (begin > end || begin < one->end) return "has chunks in disorder";
        if (i == 0) one->begin = begin;
        one->end = end;
        if (cnnscore_reserve(&self->chunks, &self->chunks_room, self->n_chunks + 1, sizeof *self->chunks) < 0)
            return "does not fit into memory";
        self->chunks[self->n_chunks++] = (chunk){begin, end};
    }
    return NULL;
}

static const char *take_counts(checker *self, int32_t n, uint64_t *begin, uint64_t *end) {
    uint64_t mapped, unmapped;
    if (n != 2 || !take_offset(self, begin) || !take_offset(self, end) ||
        !take(self, &mapped, sizeof mapped) || !take(self, &unmapped, sizeof unmapped) || *begin > *end)
        return "has counts that are none";
    self->counted = (int64_t)(mapped + unmapped);
    return NULL;
}

static int by_number(const void *a, const void *b) {
    uint32_t x = ((const bin *)a)->number, y = ((const bin *)b)->number;
    return x < y ? -1 : x > y;
}

/* Smallest bins in which a bin begins and, past it, ends. */
static uint32_t leaf(const checker *self, const bin *one, bool past) {
    int level = level_of(one->number);
    return (one->number - first_of_level(level) + past) << (3 * (self->depth - level));
}

static int by_begin(const void *a, const void *b) {
    const bin *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

static int by_end(const void *a, const void *b) {
    const bin *x = *(const bin *const *)a, *y = *(const bin *const *)b;
    return x->to < y->to ? -1 : x->to > y->to;
}

/* A record lies in a bin that holds all of it: so the records of a bin come before those of every bin that
 * begins where it ends, or later. */
static const char *check_order(checker *self, uint64_t begin, uint64_t end) {
    size_t n = self->n_bins, done = 0;
    if (n == 0) return NULL;
    for (size_t i = 0; i < n; i++) {
        const bin *one = &self->bins[i];
        if (i > 0 && one[-1].number == one->number) return "has a bin twice";
        if (one->begin < begin || one->end > end) return "has a bin outside its contig's records";
        if (self->is_csi && one->first > one->begin) return "has a bin that begins before its first record";
    }
    if (cnnscore_reserve(&self->ended, &self->ended_room, n, sizeof *self->ended) < 0)
        return "does not fit into memory";
    qsort(self->bins, n, sizeof *self->bins, by_begin);
    for (size_t i = 0; i < n; i++) self->ended[i] = &self->bins[i];
    qsort(self->ended, n, sizeof *self->ended, by_end);
    uint64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        for (; done < n && self->ended[done]->to <= self->bins[i].from; done++)
            if (self->ended[done]->end > last) last = self->ended[done]->end;
        if (self->bins[i].begin < last) return "has bins that are not in the order of the file";
    }
    return NULL;
}

static int by_offset(const void *a, const void *b) {
    const chunk *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* Every record is in a chunk: where one ends another begins. */
static const char *check_gaps(checker *self, uint64_t begin, uint64_t end) {
    if (self->n_chunks == 0) return NULL;
    qsort(self->chunks, self->n_chunks, sizeof *self->chunks, by_offset);
    uint64_t last = end == UINT64_MAX ? self->chunks[0].begin : begin;
    for (size_t i = 0; i < self->n_chunks; i++) {
        if (self->chunks[i].begin > last) return "leaves records out";
        if (self->chunks[i].end > last) last = self->chunks[i].end;
    }
    return end != UINT64_MAX && last < end ? "leaves records out" : NULL;
}

/* The first record over a stretch stands before all that begin in it. */
static const char *check_windows(const checker *self, uint64_t begin, uint64_t end) {
    uint64_t last = 0;
    for (size_t i = 0; i < self->n_windows; i++) {
        uint64_t at = self->windows[i];
        if (at == 0) continue; /* no record so far; of old tools also a gap */
        if (at < last || at < begin || at > end) return "has a linear index in disorder";
        last = at;
    }
    for (size_t i = 0; i < self->n_bins; i++) {
        const bin *one = &self->bins[i];
        bool is_smallest = one->to == one->from + 1;
        uint64_t window = one->from < self->n_windows ? self->windows[one->from] : 0;
        if (one->from >= self->n_windows ||
            (is_smallest && (window > one->begin || (window == 0 && one->begin > 0))))
            return "has a bin that its linear index leaves out";
    }
    return NULL;
}

static const char *take_bins(checker *self, int32_t n, uint64_t *begin, uint64_t *end) {
    bool counted = false;
    self->n_bins = self->n_chunks = 0;
    self->counted = -1;
    for (int32_t i = 0; i < n; i++) {
        bin one = {0};
        int32_t n_chunks;
        if (!take(self, &one.number, sizeof one.number)) return "is cut short";
        if (self->is_csi && !take_offset(self, &one.first)) return CUT_OR_OUTSIDE;
        if (!take_count(self, INT32_MAX, &n_chunks)) return "has a wrong count";
        const char *problem;
        if (one.number == counts_bin(self)) {
            problem = counted ? "has a bin twice" : take_counts(self, n_chunks, begin, end);
            counted = true;
        } else {
            if (one.number >= first_of_level(self->depth + 1)) return "has a bin that there is not";
            one.from = leaf(self, &one, false);
            one.to = leaf(self, &one, true);
            problem = take_chunks(self, &one, n_chunks);
            if (cnnscore_reserve(&self->bins, &self->bins_room, self->n_bins + 1, sizeof one) < 0)
                return "does not fit into memory";
            if (n_chunks > 0) self->bins[self->n_bins++] = one;
        }
        if (problem) return problem;
    }
    if (self->n_bins > 0) qsort(self->bins, self->n_bins, sizeof *self->bins, by_number);
    if (!counted) {
        *begin = 0;
        *end = UINT64_MAX;
    }
    return NULL;
}

/* The first record of a VCF's contig is of the contig that the index names. */
static const char *check_name(checker *self, uint64_t first) {
    if (self->name_at >= self->names.l) return NULL;
    const char *name = self->names.s + self->name_at;
    size_t length = strlen(name);
    self->name_found = self->name_at;
    self->name_at += length + 1;
    if (first == UINT64_MAX) return NULL;
    if (bgzf_seek(self->records, (int64_t)first, SEEK_SET) < 0 ||
        bgzf_getline(self->records, '\n', &self->line) < 0 || strncmp(self->line.s, name, length) != 0 ||
        self->line.s[length] != '\t')
        return "does not fit its file";
    return NULL;
}

static const char *note_contig(checker *self, int32_t number, uint64_t first, uint64_t last) {
    cnnscore_indexed_contigs *all = self->found;
    if (!all || self->n_bins == 0) return NULL;
    if (cnnscore_reserve(&all->items, &all->room, all->n + 1, sizeof *all->items) < 0)
        return "does not fit into memory";
    int64_t bins = 0, past = 0;
    for (size_t i = 0; i < self->n_bins; i++) {
        if (self->bins[i].from >= bins) bins = (int64_t)self->bins[i].from + 1;
        if (self->bins[i].to > past) past = self->bins[i].to;
    }
    all->items[all->n++] = (cnnscore_indexed_contig){
        number, first, last, self->counted, bins << self->shift, past << self->shift, self->name_found};
    return NULL;
}

static const char *take_contig(checker *self, int32_t number) {
    uint64_t begin = 0, end = UINT64_MAX;
    int32_t n;
    if (!take_count(self, (int64_t)counts_bin(self) + 1, &n)) return "has a wrong count, or is cut short";
    const char *problem = take_bins(self, n, &begin, &end);
    self->n_windows = 0;
    if (!problem && !self->is_csi) {
        if (!take_count(self, INT32_MAX, &n)) return "has a wrong count, or is cut short";
        for (int32_t i = 0; i < n; i++) {
            if (cnnscore_reserve(&self->windows, &self->windows_room, self->n_windows + 1,
                                 sizeof *self->windows) < 0)
                return "does not fit into memory";
            if (!take_offset(self, &self->windows[self->n_windows++])) return CUT_OR_OUTSIDE;
        }
        if (self->n_bins > 0) problem = check_windows(self, begin, end);
    }
    if (!problem) problem = check_order(self, begin, end);
    if (!problem) problem = check_gaps(self, begin, end);
    /* Contigs of a BAM stand in the order of their numbers; those of a BCF need not. */
    uint64_t first = UINT64_MAX, last = 0;
    for (size_t i = 0; i < self->n_bins; i++) {
        if (self->bins[i].begin < first) first = self->bins[i].begin;
        if (self->bins[i].end > last) last = self->bins[i].end;
    }
    if (!problem && self->is_bam && self->n_bins > 0 && first < self->after) problem = CONTIGS_MIXED;
    if (last > self->after) self->after = last;
    if (!problem) problem = check_name(self, first);
    return problem ? problem : note_contig(self, number, first, last);
}

/* ---- headers ---- */

/* Names of contigs, each ended by a zero. */
static const char *take_names(checker *self, int32_t length, int32_t *n) {
    char last = '\0', letter;
    *n = 0;
    for (int32_t i = 0; i < length; i++) {
        if (!take(self, &letter, 1)) return "is cut short";
        if (letter == '\0') {
            if (last == '\0') return "has a contig without a name";
            (*n)++;
        }
        if (kputc(letter, &self->names) < 0) return "does not fit into memory";
        last = letter;
    }
    return length > 0 && last != '\0' ? "has names that do not end" : NULL;
}

/* How tabix describes a VCF. */
static const char *check_vcf_format(const int32_t field[TBX_FIELDS]) {
    bool is_vcf = (field[0] & 0xFFFF) == 2 && field[1] == 1 && field[2] == 2 && field[3] == 0 &&
                  field[4] == '#' && field[5] == 0 && field[6] >= 0 && field[6] < MAX_NAMES;
    return is_vcf ? NULL : "is not of a VCF";
}

static const char *take_csi_header(checker *self, int32_t *n_contigs) {
    int32_t length, n_names = -1;
    if (!take(self, &self->shift, sizeof self->shift) || self->shift < 1 || self->shift > 30 ||
        !take_count(self, MAX_DEPTH, &self->depth) || !take_count(self, MAX_NAMES, &length) ||
        3 * self->depth + self->shift > 62)
        return "has a wrong header";
    if (length >= (int32_t)sizeof(int32_t[TBX_FIELDS])) {
        int32_t field[TBX_FIELDS];
        const char *problem = take(self, field, sizeof field) ? check_vcf_format(field) : "is cut short";
        length -= (int32_t)sizeof field;
        if (!problem && field[6] != length) problem = "has a wrong header";
        if (!problem) problem = take_names(self, length, &n_names);
        if (problem) return problem;
    } else if (length > 0) {
        return "has a wrong header";
    }
    if (!take_count(self, INT32_MAX, n_contigs) || (n_names >= 0 && *n_contigs > n_names))
        return "has a wrong count of contigs";
    return NULL;
}

static const char *take_tbi_header(checker *self, int32_t *n_contigs) {
    int32_t field[TBX_FIELDS], n_names;
    if (!take_count(self, INT32_MAX, n_contigs) || !take(self, field, sizeof field)) return "is cut short";
    const char *problem = check_vcf_format(field);
    if (!problem) problem = take_names(self, field[6], &n_names);
    if (!problem && n_names != *n_contigs) problem = "has a wrong count of contigs";
    return problem;
}

static const char *check_bins(checker *self) {
    char magic[4];
    int32_t n_contigs = 0;
    const char *problem = NULL;
    if (!take(self, magic, sizeof magic)) return "is empty";
    self->depth = 5;
    self->shift = 14;
    self->is_csi = memcmp(magic, "CSI\1", 4) == 0;
    if (self->is_csi)
        problem = take_csi_header(self, &n_contigs);
    else if (memcmp(magic, "TBI\1", 4) == 0)
        problem = take_tbi_header(self, &n_contigs);
    else if (memcmp(magic, "BAI\1", 4) != 0)
        return "is no index";
    else if (!take_count(self, INT32_MAX, &n_contigs))
        return "is cut short";
    for (int32_t i = 0; !problem && i < n_contigs; i++) problem = take_contig(self, i);
    if (problem) return problem;
    /* The count of reads without a place, which old tools left out. */
    uint64_t unplaced;
    ssize_t rest = bgzf_read(self->file, &unplaced, sizeof unplaced);
    if (rest == 0) return NULL;
    return rest == (ssize_t)sizeof unplaced && bgzf_read(self->file, magic, 1) == 0
               ? NULL
               : "is longer than it says";
}

/* ---- the index of a file ---- */

/* Whether nothing follows the last record that the index knows, but lines without one. */
static bool is_end(checker *self) {
    int length = 0;
    if (bgzf_seek(self->records, (int64_t)self->after, SEEK_SET) < 0) return false;
    if (self->is_csi && self->names.l == 0) /* of a BCF, whose header ends somewhere */
        return self->after == 0 || bgzf_getc(self->records) == -1;
    while ((length = bgzf_getline(self->records, '\n', &self->line)) >= 0)
        if (length > 0 && *self->line.s != '#') return false;
    return length == -1;
}

int cnnscore_index_look(const char *data, const char *index, cnnscore_indexed what,
                        cnnscore_indexed_contigs *contigs, cnnscore_error *err) {
    checker self = {.file = bgzf_open(index, "r"),
                    .size = cnnscore_data_size(data),
                    .is_bam = what == CNNSCORE_INDEXED_BAM,
                    .found = contigs};
    const char *problem = "cannot be read";
    if (what == CNNSCORE_INDEXED_CALLS) self.records = bgzf_open(data, "r");
    if (self.records) bgzf_set_cache_size(self.records, CACHE_BYTES); /* small contigs share blocks */
    if (self.file && (self.records || what != CNNSCORE_INDEXED_CALLS))
        problem = what == CNNSCORE_INDEXED_CRAM ? cnnscore_slices_check(self.file, data, self.size)
                                                : check_bins(&self);
    if (self.file && !problem && self.file->errcode) problem = "is damaged";
    if (!problem && self.records && !is_end(&self)) problem = "leaves records out";
    if (self.file) bgzf_close(self.file);
    free(self.bins);
    if (self.records) bgzf_close(self.records);
    if (contigs && self.names.l > 0) {
        contigs->names = self.names.s;
        contigs->names_size = self.names.l;
        self.names.s = NULL;
    }
    free(self.names.s);
    free(self.line.s);
    free(self.windows);
    free(self.ended);
    free(self.chunks);
    int code = CNNSCORE_OK;
    if (problem == CONTIGS_MIXED) /* htslib makes an index of such reads, and would make it again */
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "the index %s %s: sort the reads, `samtools sort -o sorted.bam %s`, and index "
                             "what comes of it",
                             index, problem, cnnscore_shell_word(data).text);
    else if (problem)
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT, "the index %s %s: make it anew with `%s %s`", index,
                             problem, cnnscore_index_command(index, what), cnnscore_shell_word(data).text);
    return code;
}
