/* cohort.c: the carriers of records of many samples. */
#include "cohort.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "allele.h"
#include "calls.h"
#include "grow.h"

struct cnnscore_carriers {
    cnnscore_window_batch sites;
    cnnscore_carrier_columns columns;
    int32_t *record, *sample;
    int64_t *unread;
    int32_t n_samples; /* entries of `unread` */
    int32_t *contig;
    int64_t *pos, *end, *site_allele, *allele_offset;
    uint8_t *kind;
    char *alleles;
    float *annotations, *qual;
    size_t capacity, annotation_capacity, allele_capacity, allele_bytes_capacity;
    bool *is_sequence, *is_held; /* of the alleles of one record */
    size_t flag_capacity, held_capacity;
    int64_t n, n_alleles;
};

/* Genotype likelihoods of a record. */
typedef struct {
    const bcf_fmt_t *format; /* NULL: none */
    double phred_per_unit;
} likelihoods;

/* Numbers of FORMAT fields in the header, -1 where it has none. */
typedef struct {
    int gt, pl, gl;
} format_ids;

cnnscore_carriers *cnnscore_carriers_new(void) {
    return calloc(1, sizeof(cnnscore_carriers));
}

void cnnscore_carriers_free(cnnscore_carriers *self) {
    if (!self) return;
    void *const all[] = {self->record,      self->sample,  self->unread,      self->contig,
                         self->pos,         self->end,     self->site_allele, self->allele_offset,
                         self->kind,        self->alleles, self->annotations, self->qual,
                         self->is_sequence, self->is_held};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(self);
}

const cnnscore_window_batch *cnnscore_carriers_sites(const cnnscore_carriers *self) {
    return &self->sites;
}

const cnnscore_carrier_columns *cnnscore_carriers_columns(const cnnscore_carriers *self) {
    return &self->columns;
}

/* ---- room ---- */

static int reserve_carrier(cnnscore_carriers *self, size_t n_annotations) {
    size_t n = (size_t)self->n + 2, room[8] = {0};
    if (cnnscore_reserve(&self->annotations, &self->annotation_capacity, n * (n_annotations + 1),
                         sizeof *self->annotations) < 0)
        return -1;
    if (self->record && n <= self->capacity) return 0;
    n += n / 2;
    if (cnnscore_reserve(&self->record, &room[0], n, sizeof *self->record) < 0 ||
        cnnscore_reserve(&self->sample, &room[1], n, sizeof *self->sample) < 0 ||
        cnnscore_reserve(&self->contig, &room[2], n, sizeof *self->contig) < 0 ||
        cnnscore_reserve(&self->pos, &room[3], n, sizeof *self->pos) < 0 ||
        cnnscore_reserve(&self->end, &room[4], n, sizeof *self->end) < 0 ||
        cnnscore_reserve(&self->site_allele, &room[5], n, sizeof *self->site_allele) < 0 ||
        cnnscore_reserve(&self->kind, &room[6], n, sizeof *self->kind) < 0 ||
        cnnscore_reserve(&self->qual, &room[7], n, sizeof *self->qual) < 0)
        return -1;
    self->capacity = n;
    return 0;
}

static int reserve_flags(cnnscore_carriers *self, size_t n_alleles) {
    return cnnscore_reserve(&self->is_sequence, &self->flag_capacity, n_alleles, sizeof(bool)) < 0 ||
                   cnnscore_reserve(&self->is_held, &self->held_capacity, n_alleles, sizeof(bool)) < 0
               ? -1
               : 0;
}

static int begin(cnnscore_carriers *self, int32_t n_samples) {
    self->n = self->n_alleles = 0;
    if (self->n_samples < n_samples || !self->unread) {
        free(self->unread);
        self->unread = malloc(((size_t)n_samples + 1) * sizeof *self->unread);
        if (!self->unread) return -1;
        self->n_samples = n_samples;
    }
    memset(self->unread, 0, ((size_t)n_samples + 1) * sizeof *self->unread);
    if (reserve_carrier(self, 0) < 0 ||
        cnnscore_reserve(&self->allele_offset, &self->allele_capacity, 1, sizeof *self->allele_offset) < 0 ||
        cnnscore_reserve(&self->alleles, &self->allele_bytes_capacity, 1, 1) < 0)
        return -1;
    self->allele_offset[0] = 0;
    self->site_allele[0] = 0;
    return 0;
}

/* ---- one record ---- */

/* Which alleles of the record can be scored: sequences that differ from REF. */
static bool find_sequences(cnnscore_carriers *self, const bcf1_t *record) {
    const char *ref = record->d.allele[0];
    bool any = false;
    self->is_sequence[0] = false;
    for (int a = 1; a < record->n_allele; a++) {
        cnnscore_allele allele;
        const char *alt = record->d.allele[a];
        self->is_sequence[a] =
            cnnscore_allele_trim(&allele, record->pos, ref, (int64_t)strlen(ref), alt, (int64_t)strlen(alt));
        any |= self->is_sequence[a];
    }
    return any;
}

/* Marks the sequences that a genotype holds; whether it holds any. Of `./1` 1 is held; phase and ploidy are
 * nothing to a score. */
static bool find_held(cnnscore_carriers *self, const bcf1_t *record, const bcf_fmt_t *gt, int32_t sample) {
    const uint8_t *at = gt->p + (size_t)sample * (size_t)gt->size;
    bool any = false;
    for (int i = 0; i < gt->n; i++) {
        double value = cnnscore_number_at(at, gt->type, gt->n, i);
        if (isnan(value)) break; /* a genotype of fewer copies ends here */
        int allele = bcf_gt_allele((int32_t)value);
        if (allele < 1 || allele >= record->n_allele || !self->is_sequence[allele]) continue;
        if (!any) memset(self->is_held, 0, (size_t)record->n_allele * sizeof(bool));
        self->is_held[allele] = any = true;
    }
    return any;
}

/* Bases that REF and all held alleles end in; each keeps one. */
static size_t shared_end(const cnnscore_carriers *self, const bcf1_t *record) {
    const char *ref = record->d.allele[0];
    size_t shared = strlen(ref) - 1, ref_length = strlen(ref);
    for (int a = 1; shared > 0 && a < record->n_allele; a++) {
        if (!self->is_held[a]) continue;
        const char *alt = record->d.allele[a];
        size_t length = strlen(alt), same = 0;
        while (same < shared && same + 1 < length &&
               (ref[ref_length - 1 - same] & 0xDF) == (alt[length - 1 - same] & 0xDF))
            same++;
        shared = same;
    }
    return shared;
}

static int add_allele(cnnscore_carriers *self, const char *text, size_t length) {
    int64_t at = self->allele_offset[self->n_alleles];
    if (cnnscore_reserve(&self->allele_offset, &self->allele_capacity, (size_t)self->n_alleles + 2,
                         sizeof *self->allele_offset) < 0 ||
        cnnscore_reserve(&self->alleles, &self->allele_bytes_capacity, (size_t)at + length + 1, 1) < 0)
        return -1;
    memcpy(self->alleles + at, text, length);
    self->allele_offset[++self->n_alleles] = at + (int64_t)length;
    return 0;
}

/* How much less likely the genotype without ALT alleles is than the best, phred-scaled: what QUAL is close to
 * where there is one sample. PL is phred-scaled, GL log10. */
static double quality_of(const likelihoods *of, int32_t sample) {
    if (!of->format) return NAN;
    const uint8_t *at = of->format->p + (size_t)sample * (size_t)of->format->size;
    double first = cnnscore_number_at(at, of->format->type, of->format->n, 0), best = first;
    for (int i = 1; i < of->format->n; i++) {
        double other = cnnscore_number_at(at, of->format->type, of->format->n, i);
        if (of->phred_per_unit * other < of->phred_per_unit * best) best = other;
    }
    return of->phred_per_unit * (first - best);
}

static int add_carrier(cnnscore_carriers *self, const cnnscore_calls *calls, const bcf1_t *record,
                       int32_t number, int32_t sample, const likelihoods *of) {
    size_t n_annotations = (size_t)calls->n_annotations, at = (size_t)self->n;
    if (reserve_carrier(self, n_annotations) < 0) return -1;
    size_t shared = shared_end(self, record), ref_length = strlen(record->d.allele[0]) - shared;
    int kind = -1;
    if (add_allele(self, record->d.allele[0], ref_length) < 0) return -1;
    for (int a = 1; a < record->n_allele; a++) {
        if (!self->is_held[a]) continue;
        size_t length = strlen(record->d.allele[a]) - shared;
        if (add_allele(self, record->d.allele[a], length) < 0) return -1;
        int this_kind = length != ref_length ? CNNSCORE_KIND_INDEL
                        : length == 1        ? CNNSCORE_KIND_SNP
                                             : CNNSCORE_KIND_OTHER;
        kind = kind < 0 || kind == this_kind ? this_kind : CNNSCORE_KIND_OTHER;
    }
    self->record[at] = number;
    self->sample[at] = sample;
    self->contig[at] = record->rid;
    self->pos[at] = record->pos;
    self->end[at] = record->pos + (int64_t)ref_length;
    self->kind[at] = (uint8_t)kind;
    self->qual[at] = (float)quality_of(of, sample);
    for (size_t a = 0; a < n_annotations; a++)
        self->annotations[at * n_annotations + a] =
            strcmp(calls->annotation[a], "QUAL") == 0 ? self->qual[at] : NAN;
    self->site_allele[++self->n] = self->n_alleles;
    return 0;
}

/* NULL where the record has none. */
static const bcf_fmt_t *format_of(bcf1_t *record, int id) {
    const bcf_fmt_t *format = id < 0 ? NULL : bcf_get_fmt_id(record, id);
    return format && format->p && format->n > 0 ? format : NULL;
}

static int find_in(cnnscore_carriers *self, const cnnscore_records *records, int32_t number,
                   const uint8_t *wanted, const format_ids *ids, cnnscore_error *err) {
    bcf1_t *record = records->record[number];
    if (bcf_unpack(record, BCF_UN_FMT) < 0)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: the FORMAT of %s:%lld is malformed",
                             records->calls->path, bcf_hdr_id2name(records->calls->header, record->rid),
                             (long long)record->pos + 1);
    const bcf_fmt_t *gt = format_of(record, ids->gt);
    likelihoods of = {format_of(record, ids->pl), 1};
    if (!of.format) of = (likelihoods){format_of(record, ids->gl), -10};
    if (!gt || gt->type == BCF_BT_CHAR || gt->type == BCF_BT_FLOAT) return CNNSCORE_OK;
    if (reserve_flags(self, record->n_allele) < 0) return cnnscore_fail_memory(err);
    if (!find_sequences(self, record)) return CNNSCORE_OK;
    for (int32_t sample = 0; sample < (int32_t)record->n_sample; sample++) {
        if (!find_held(self, record, gt, sample)) continue;
        if (!wanted[sample])
            self->unread[sample]++;
        else if (add_carrier(self, records->calls, record, number, sample, &of) < 0)
            return cnnscore_fail_memory(err);
    }
    return CNNSCORE_OK;
}

int cnnscore_carriers_find(cnnscore_carriers *self, cnnscore_records *records, const uint8_t *wanted,
                           cnnscore_error *err) {
    const bcf_hdr_t *header = records->calls->header;
    const format_ids ids = {bcf_hdr_id2int(header, BCF_DT_ID, "GT"), bcf_hdr_id2int(header, BCF_DT_ID, "PL"),
                            bcf_hdr_id2int(header, BCF_DT_ID, "GL")};
    if (begin(self, bcf_hdr_nsamples(header)) < 0) return cnnscore_fail_memory(err);
    for (int32_t i = 0; i < records->n; i++) {
        int code = find_in(self, records, i, wanted, &ids, err);
        if (code != CNNSCORE_OK) return code;
    }
    self->sites = records->sites; /* of which the contig columns stay */
    self->sites.n_sites = (int32_t)self->n;
    self->sites.contig = self->contig;
    self->sites.pos = self->pos;
    self->sites.end = self->end;
    self->sites.kind = self->kind;
    self->sites.site_allele = self->site_allele;
    self->sites.allele_offset = self->allele_offset;
    self->sites.alleles = self->alleles;
    self->sites.annotations = self->annotations;
    self->sites.qual = self->qual;
    self->columns = (cnnscore_carrier_columns){self->n, self->record, self->sample, self->unread};
    return CNNSCORE_OK;
}
