/* read_set.c: the read-set encoding: a few scalars per read, in an order that is the reads' own.
 * The rules in words: docs/reference/encodings.md. Their plain reading: tests/oracles/read_set.py. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "annotations.h"
#include "evidence.h"

#define F CNNSCORE_READ_SCALARS
#define SHARED_AT (F - 1)    /* of `mismatches_shared`, which all reads of a site decide */
#define SHARED_READS 3       /* a mismatch is shared when this many reads have it, */
#define SHARED_PART_OF_TEN 1 /* and this many of ten */

typedef struct {
    float scalars[F];
} read_row;

typedef struct {
    uint64_t key;
    const read_row *row;
} sorted_row;

/* What a read supports of all ALT alleles of a site. */
typedef struct {
    bool ref, alt;
} read_sides;

/* All memory of a call. */
typedef struct {
    cnnscore_evidence_scratch evidence;
    cnnscore_bam_record *records;       /* [R] of one site */
    read_row *rows;                     /* [R] */
    sorted_row *order;                  /* [R] */
    cnnscore_evidence *found;           /* [R] of the last allele looked at */
    cnnscore_annotated_read *annotated; /* [R] */
    cnnscore_mismatches *mismatches;    /* [R] */
    uint16_t *tally;                    /* [4 * window] reads that have a mismatch; all 0 between rows */
    read_sides *sides;                  /* [R] of site `sided`, in its order of reads */
    int64_t sided;                      /* -1: of none yet */
} scratch;

static void scratch_free(scratch *self) {
    cnnscore_evidence_free(&self->evidence);
    free(self->records);
    free(self->rows);
    free(self->order);
    free(self->found);
    free(self->annotated);
    free(self->mismatches);
    free(self->tally);
    free(self->sides);
}

static int scratch_init(scratch *self, int32_t window, int32_t n_reads, bool realign) {
    size_t n = (size_t)n_reads;
    memset(self, 0, sizeof *self);
    self->records = calloc(n, sizeof *self->records);
    self->rows = calloc(n, sizeof *self->rows);
    self->order = calloc(n, sizeof *self->order);
    self->found = calloc(n, sizeof *self->found);
    self->annotated = calloc(n, sizeof *self->annotated);
    self->mismatches = calloc(n, sizeof *self->mismatches);
    self->tally = calloc((size_t)window * 4, sizeof *self->tally);
    self->sides = calloc(n, sizeof *self->sides);
    self->sided = -1;
    if (self->records && self->rows && self->order && self->found && self->annotated && self->mismatches &&
        self->tally && self->sides && cnnscore_evidence_init(&self->evidence, window, realign) == CNNSCORE_OK)
        return CNNSCORE_OK;
    scratch_free(self);
    return CNNSCORE_ERR_NOMEM;
}

/* ---- scalars ---- */

static float at_most(float value, float limit) {
    return value < limit ? value : limit;
}

static float flag(bool value) {
    return value ? 1 : 0;
}

/* All but `mismatches_shared`. */
static void write_scalars(const cnnscore_bam_record *record, const cnnscore_evidence *e, float *to) {
    bool reverse = record->flag & CNNSCORE_FLAG_REVERSE, paired = record->flag & CNNSCORE_FLAG_PAIRED;
    bool mate_lost =
        (record->flag & CNNSCORE_FLAG_MATE_UNMAPPED) != 0 || record->mate_contig != record->contig;
    float ratio = (float)e->ratio / 40;
    int64_t from_start = e->index < 0 ? 0 : e->index;
    int64_t from_end = e->index < 0 ? 0 : record->l_seq - 1 - e->index;
    *to++ = flag(reverse);
    *to++ = (float)(record->mapq < 60 ? record->mapq : 60) / 60;
    *to++ = flag(e->support == CNNSCORE_SUPPORTS_ALT);
    *to++ = flag(e->support == CNNSCORE_SUPPORTS_REF);
    *to++ = flag(e->support == CNNSCORE_SUPPORTS_OTHER);
    *to++ = ratio < -1.5F ? -1.5F : at_most(ratio, 1.5F);
    *to++ = at_most((float)e->quality / 40, 1.5F);
    *to++ = at_most((float)(reverse ? from_end : from_start) / 100, 1.5F);
    *to++ = at_most((float)(reverse ? from_start : from_end) / 100, 1.5F);
    *to++ = at_most((float)e->mismatches / 5, 2);
    *to++ = at_most((float)e->mismatches_q20 / 5, 2);
    *to++ = at_most((float)e->mismatches_near / 3, 2);
    *to++ = at_most((float)e->indels / 2, 2);
    *to++ = at_most((float)e->indels_near / 2, 2);
    *to++ = record->l_seq > 0 ? (float)e->clipped / (float)record->l_seq : 0;
    *to++ = flag(e->clip_near);
    *to++ = flag(record->flag & CNNSCORE_FLAG_PROPER_PAIR);
    *to++ = flag(paired && mate_lost);
    *to++ = flag(record->flag & CNNSCORE_FLAG_SECOND);
    *to++ = flag(e->spans);
}

/* A real difference of haplotypes, or of copies, is in many reads; an error of sequencing in one. */
static void write_shared(scratch *self, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        for (int32_t j = 0; j < self->mismatches[i].n; j++) self->tally[self->mismatches[i].cell[j]]++;
    for (int64_t i = 0; i < n; i++) {
        int32_t shared = 0;
        for (int32_t j = 0; j < self->mismatches[i].n; j++) {
            int64_t reads = self->tally[self->mismatches[i].cell[j]];
            shared += reads >= SHARED_READS && 10 * reads >= SHARED_PART_OF_TEN * n;
        }
        self->rows[i].scalars[SHARED_AT] = at_most((float)shared / 5, 2);
    }
    for (int64_t i = 0; i < n; i++)
        for (int32_t j = 0; j < self->mismatches[i].n; j++) self->tally[self->mismatches[i].cell[j]] = 0;
}

/* ---- order ---- */

/* Any order will do that depends on what the rows hold and on nothing else: rows that it cannot tell
 * apart are the same. */
static uint64_t content_key(const read_row *row) {
    uint64_t key = 0;
    for (size_t i = 0; i < F; i++) {
        uint32_t bits;
        memcpy(&bits, &row->scalars[i], sizeof bits);
        key = (key ^ bits) * UINT64_C(0x9E3779B97F4A7C15);
        key ^= key >> 29;
    }
    return key;
}

static int compare_rows(const void *left, const void *right) {
    const sorted_row *a = left, *b = right;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return memcmp(a->row, b->row, sizeof *a->row);
}

static void sort_rows(sorted_row *order, int64_t n) {
    if (n > 64) {
        qsort(order, (size_t)n, sizeof *order, compare_rows);
        return;
    }
    for (int64_t i = 1; i < n; i++) {
        sorted_row moved = order[i];
        int64_t j = i;
        for (; j > 0 && compare_rows(&order[j - 1], &moved) > 0; j--) order[j] = order[j - 1];
        order[j] = moved;
    }
}

static void write_rows(scratch *self, int64_t n, int32_t n_reads, float *reads, float *mask) {
    for (int64_t i = 0; i < n; i++)
        self->order[i] = (sorted_row){content_key(&self->rows[i]), &self->rows[i]};
    sort_rows(self->order, n);
    for (int64_t i = 0; i < n; i++) {
        memcpy(reads + i * F, self->order[i].row, sizeof(read_row));
        mask[i] = 1;
    }
    memset(reads + n * F, 0, (size_t)(n_reads - n) * sizeof(read_row));
    memset(mask + n, 0, (size_t)(n_reads - n) * sizeof *mask);
}

/* ---- annotations ---- */

/* Annotations are the record's: a read that supports another of its ALT alleles supports ALT, and REF
 * only one that every allele leaves it. The same for all rows of a site, so it is found once. */
static int find_sides(scratch *self, const cnnscore_window_batch *batch, const cnnscore_rows *rows,
                      int64_t row, const cnnscore_variant *own, cnnscore_error *err) {
    int64_t n = own->site.n_reads;
    for (int64_t i = 0; i < n; i++)
        self->sides[i] = (read_sides){self->annotated[i].supports_ref, self->annotated[i].supports_alt};
    for (int64_t number = 1; number <= own->n_alts; number++) {
        cnnscore_allele allele;
        if (number == rows->alleles[row] || !cnnscore_site_allele(batch, &own->site, number, &allele))
            continue;
        cnnscore_rows other = *rows;
        cnnscore_variant variant;
        other.sites = &rows->sites[row];
        other.alleles = &number;
        int rc = cnnscore_variant_open(batch, &other, 0, CNNSCORE_VIEW_READS, &variant, err);
        if (rc != CNNSCORE_OK) return rc;
        cnnscore_evidence_row(&self->evidence, batch, &variant);
        cnnscore_evidence_of(&self->evidence, self->records, n, self->found, NULL);
        for (int64_t i = 0; i < n; i++) {
            self->sides[i].alt |= self->found[i].leaning == CNNSCORE_SUPPORTS_ALT;
            self->sides[i].ref &= self->found[i].leaning == CNNSCORE_SUPPORTS_REF;
        }
    }
    self->sided = own->site.index;
    return CNNSCORE_OK;
}

/* Whether column a is to be worked out, where the record has `value`. */
static bool is_wanted(const cnnscore_rows *rows, size_t a, float value) {
    if (rows->annotations_from == CNNSCORE_ANNOTATIONS_CALLER ||
        rows->annotation_codes[a] == CNNSCORE_ANNOTATION_OTHER)
        return false;
    return rows->annotations_from == CNNSCORE_ANNOTATIONS_READS || isnan(value);
}

/* Copies the record's own; returns whether the reads are asked for any. */
static bool copy_annotations(const cnnscore_window_batch *batch, const cnnscore_rows *rows, int64_t site,
                             float *to) {
    size_t n = (size_t)batch->n_annotations;
    bool wanted = false;
    if (n > 0) memcpy(to, batch->annotations + (size_t)site * n, n * sizeof *to);
    for (size_t a = 0; a < n; a++) wanted |= is_wanted(rows, a, to[a]);
    return wanted;
}

static int work_out_annotations(scratch *self, const cnnscore_window_batch *batch, const cnnscore_rows *rows,
                                int64_t row, const cnnscore_variant *variant, float *to,
                                cnnscore_error *err) {
    size_t n = (size_t)batch->n_annotations;
    int64_t site = variant->site.index, n_reads = variant->site.n_reads;
    if (variant->multi_allelic) {
        int rc = self->sided == site ? CNNSCORE_OK : find_sides(self, batch, rows, row, variant, err);
        if (rc != CNNSCORE_OK) return rc;
        for (int64_t i = 0; i < n_reads; i++) {
            self->annotated[i].supports_ref = self->sides[i].ref;
            self->annotated[i].supports_alt = self->sides[i].alt;
        }
    }
    float values[CNNSCORE_N_ANNOTATIONS];
    cnnscore_annotated_site known = {
        .depth = batch->site_depth ? batch->site_depth[site] : 0,
        .sample_depth = batch->sample_depth ? (double)batch->sample_depth[site] : (double)NAN,
        .qual = batch->qual ? (double)batch->qual[site] : (double)NAN,
    };
    cnnscore_annotate(self->annotated, n_reads, &known, values);
    for (size_t a = 0; a < n; a++)
        if (is_wanted(rows, a, to[a])) to[a] = values[rows->annotation_codes[a]];
    return CNNSCORE_OK;
}

/* ---- rows ---- */

static int encode_row(scratch *self, const cnnscore_window_batch *batch, const cnnscore_rows *rows, int64_t i,
                      float *reads, float *mask, float *features, float *annotations, cnnscore_error *err) {
    cnnscore_variant variant;
    int rc = cnnscore_variant_open(batch, rows, i, CNNSCORE_VIEW_READS, &variant, err);
    if (rc != CNNSCORE_OK) return rc;
    int64_t n = variant.site.n_reads;
    if (n > rows->n_reads)
        return cnnscore_site_fail(batch, rows->sites[i], err, "it has %lld reads, the encoding takes %ld",
                                  (long long)n, (long)rows->n_reads);
    bool annotate = copy_annotations(batch, rows, rows->sites[i], annotations);
    cnnscore_evidence_row(&self->evidence, batch, &variant);
    for (int64_t read = 0; read < n; read++) {
        rc = cnnscore_site_read(batch, &variant.site, read, &self->records[read], err);
        if (rc != CNNSCORE_OK) return rc;
    }
    cnnscore_evidence_of(&self->evidence, self->records, n, self->found, self->mismatches);
    for (int64_t read = 0; read < n; read++) {
        const cnnscore_bam_record *record = &self->records[read];
        const cnnscore_evidence *e = &self->found[read];
        write_scalars(record, e, self->rows[read].scalars);
        if (annotate) self->annotated[read] = cnnscore_annotated(record, e);
    }
    write_shared(self, n);
    write_rows(self, n, rows->n_reads, reads, mask);
    cnnscore_variant_features(&variant, features);
    return annotate ? work_out_annotations(self, batch, rows, i, &variant, annotations, err) : CNNSCORE_OK;
}

static int check_request(const cnnscore_window_batch *batch, const cnnscore_rows *rows, cnnscore_error *err) {
    int rc = cnnscore_rows_check(batch, rows, CNNSCORE_VIEW_READS, rows->window - rows->window / 2, err);
    if (rc != CNNSCORE_OK) return rc;
    if (rows->n_reads < 1 || rows->n_reads > 4096)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "encode: %ld reads per row", (long)rows->n_reads);
    if (rows->n > 0 && batch->n_annotations > 0 && !batch->annotations)
        return cnnscore_fail(err, CNNSCORE_ERR_BATCH, "window batch: annotations are missing");
    if (rows->annotations_from < CNNSCORE_ANNOTATIONS_CALLER ||
        rows->annotations_from > CNNSCORE_ANNOTATIONS_FILL)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "encode: annotations from source %ld",
                             (long)rows->annotations_from);
    if (rows->annotations_from == CNNSCORE_ANNOTATIONS_CALLER || batch->n_annotations == 0)
        return CNNSCORE_OK;
    if (!rows->annotation_codes)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "encode: no list of annotations");
    for (int32_t a = 0; a < batch->n_annotations; a++)
        if (rows->annotation_codes[a] < 0 || rows->annotation_codes[a] >= CNNSCORE_N_ANNOTATIONS)
            return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "encode: an annotation of code %ld",
                                 (long)rows->annotation_codes[a]);
    return CNNSCORE_OK;
}

int cnnscore_encode_read_set(const cnnscore_window_batch *batch, const cnnscore_rows *rows, float *reads,
                             float *mask, float *variant, float *annotations, cnnscore_error *err) {
    int rc = check_request(batch, rows, err);
    if (rc != CNNSCORE_OK) return rc;
    scratch self;
    if (scratch_init(&self, rows->window, rows->n_reads, rows->realign != 0) != CNNSCORE_OK)
        return cnnscore_fail_memory(err);
    size_t n_reads = (size_t)rows->n_reads, n_annotations = (size_t)batch->n_annotations;
    for (int64_t i = 0; rc == CNNSCORE_OK && i < rows->n; i++) {
        size_t at = (size_t)i;
        rc = encode_row(&self, batch, rows, i, reads + at * n_reads * F, mask + at * n_reads,
                        variant + at * CNNSCORE_VARIANT_FEATURES, annotations + at * n_annotations, err);
    }
    scratch_free(&self);
    return rc;
}
