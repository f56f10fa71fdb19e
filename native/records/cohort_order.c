/* cohort_order.c: carriers of several fillings of records, sample by sample. */
#include <stdlib.h>
#include <string.h>

#include "cohort.h"
#include "fail.h"
#include "grow.h"

struct cnnscore_by_sample {
    cnnscore_window_batch sites;
    int32_t *sample, *contig;
    int64_t *number, *pos, *end, *site_allele, *allele_offset, *next;
    uint8_t *kind;
    char *alleles;
    float *annotations, *qual;
    size_t capacity[9], allele_capacity, bytes_capacity, next_capacity;
};

cnnscore_by_sample *cnnscore_by_sample_new(void) {
    return calloc(1, sizeof(cnnscore_by_sample));
}

void cnnscore_by_sample_free(cnnscore_by_sample *self) {
    if (!self) return;
    void *const all[] = {self->sample,        self->contig, self->number,  self->pos,
                         self->end,           self->next,   self->kind,    self->site_allele,
                         self->allele_offset, self->qual,   self->alleles, self->annotations};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(self);
}

const cnnscore_window_batch *cnnscore_by_sample_sites(const cnnscore_by_sample *self) {
    return &self->sites;
}

const int32_t *cnnscore_by_sample_sample(const cnnscore_by_sample *self) {
    return self->sample;
}

const int64_t *cnnscore_by_sample_number(const cnnscore_by_sample *self) {
    return self->number;
}

static int reserve(cnnscore_by_sample *self, size_t n, size_t n_alleles, size_t n_bytes, size_t n_samples,
                   size_t n_annotations) {
    size_t *room = self->capacity;
    return cnnscore_reserve(&self->sample, &room[0], n + 1, sizeof *self->sample) < 0 ||
                   cnnscore_reserve(&self->contig, &room[1], n + 1, sizeof *self->contig) < 0 ||
                   cnnscore_reserve(&self->number, &room[2], n + 1, sizeof *self->number) < 0 ||
                   cnnscore_reserve(&self->pos, &room[3], n + 1, sizeof *self->pos) < 0 ||
                   cnnscore_reserve(&self->end, &room[4], n + 1, sizeof *self->end) < 0 ||
                   cnnscore_reserve(&self->site_allele, &room[5], n + 1, sizeof *self->site_allele) < 0 ||
                   cnnscore_reserve(&self->kind, &room[6], n + 1, sizeof *self->kind) < 0 ||
                   cnnscore_reserve(&self->qual, &room[7], n + 1, sizeof *self->qual) < 0 ||
                   cnnscore_reserve(&self->annotations, &room[8], n * n_annotations + 1, sizeof(float)) < 0 ||
                   cnnscore_reserve(&self->allele_offset, &self->allele_capacity, n_alleles + 1,
                                    sizeof *self->allele_offset) < 0 ||
                   cnnscore_reserve(&self->alleles, &self->bytes_capacity, n_bytes + 1, 1) < 0 ||
                   cnnscore_reserve(&self->next, &self->next_capacity, n_samples + 1, sizeof *self->next) < 0
               ? -1
               : 0;
}

/* Put carrier `from` of a part at place `to`, all but its alleles. */
static void put(cnnscore_by_sample *self, const cnnscore_window_batch *sites, int64_t from, int64_t to) {
    size_t n = (size_t)sites->n_annotations;
    self->contig[to] = sites->contig[from];
    self->pos[to] = sites->pos[from];
    self->end[to] = sites->end[from];
    self->kind[to] = sites->kind[from];
    self->qual[to] = sites->qual[from];
    memcpy(self->annotations + (size_t)to * n, sites->annotations + (size_t)from * n, n * sizeof(float));
}

int cnnscore_by_sample_fill(cnnscore_by_sample *self, const cnnscore_carriers *const *parts, int32_t n,
                            cnnscore_error *err) {
    size_t carriers = 0, alleles = 0, bytes = 0, n_samples = 0, n_annotations = 0;
    for (int32_t p = 0; p < n; p++) {
        const cnnscore_window_batch *sites = cnnscore_carriers_sites(parts[p]);
        const cnnscore_carrier_columns *columns = cnnscore_carriers_columns(parts[p]);
        size_t own = (size_t)sites->site_allele[columns->n];
        carriers += (size_t)columns->n;
        alleles += own;
        bytes += (size_t)sites->allele_offset[own];
        n_annotations = (size_t)sites->n_annotations;
        for (int64_t i = 0; i < columns->n; i++)
            if ((size_t)columns->sample[i] >= n_samples) n_samples = (size_t)columns->sample[i] + 1;
    }
    if (reserve(self, carriers, alleles, bytes, n_samples, n_annotations) < 0)
        return cnnscore_fail_memory(err);
    /* A counting sort, so that those of one sample stay in the order of their sites. */
    memset(self->next, 0, (n_samples + 1) * sizeof *self->next);
    for (int32_t p = 0; p < n; p++) {
        const cnnscore_carrier_columns *columns = cnnscore_carriers_columns(parts[p]);
        for (int64_t i = 0; i < columns->n; i++) self->next[columns->sample[i] + 1]++;
    }
    for (size_t i = 0; i < n_samples; i++) self->next[i + 1] += self->next[i];
    int64_t before = 0;
    for (int32_t p = 0; p < n; p++) {
        const cnnscore_window_batch *sites = cnnscore_carriers_sites(parts[p]);
        const cnnscore_carrier_columns *columns = cnnscore_carriers_columns(parts[p]);
        for (int64_t i = 0; i < columns->n; i++) {
            int64_t to = self->next[columns->sample[i]]++;
            put(self, sites, i, to);
            self->sample[to] = columns->sample[i];
            self->number[to] = before + i;
            self->site_allele[to] = sites->site_allele[i + 1] - sites->site_allele[i]; /* for now */
        }
        before += columns->n;
    }
    int64_t total = 0; /* numbers of alleles become their places */
    for (size_t i = 0; i < carriers; i++) {
        int64_t own = self->site_allele[i];
        self->site_allele[i] = total;
        total += own;
    }
    self->site_allele[carriers] = total;
    /* In their new order, one carrier after the other. */
    self->allele_offset[0] = 0;
    for (size_t to = 0; to < carriers; to++) {
        int64_t from = self->number[to];
        int32_t p = 0;
        while (from >= cnnscore_carriers_columns(parts[p])->n)
            from -= cnnscore_carriers_columns(parts[p++])->n;
        const cnnscore_window_batch *sites = cnnscore_carriers_sites(parts[p]);
        for (int64_t a = sites->site_allele[from]; a < sites->site_allele[from + 1]; a++) {
            int64_t at = self->site_allele[to] + a - sites->site_allele[from];
            int64_t begin = sites->allele_offset[a], length = sites->allele_offset[a + 1] - begin;
            memcpy(self->alleles + self->allele_offset[at], sites->alleles + begin, (size_t)length);
            self->allele_offset[at + 1] = self->allele_offset[at] + length;
        }
    }
    self->sites = n ? *cnnscore_carriers_sites(parts[n - 1]) : (cnnscore_window_batch){0};
    self->sites.n_sites = (int32_t)carriers;
    self->sites.contig = self->contig;
    self->sites.pos = self->pos;
    self->sites.end = self->end;
    self->sites.kind = self->kind;
    self->sites.site_allele = self->site_allele;
    self->sites.allele_offset = self->allele_offset;
    self->sites.alleles = self->alleles;
    self->sites.annotations = self->annotations;
    self->sites.qual = self->qual;
    return CNNSCORE_OK;
}
