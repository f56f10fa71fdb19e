/* variant.c: opening rows, and what a network is told of an ALT allele and its surroundings. */
#include "variant.h"

#include <math.h>

#define RUN_MAX 20     /* longest homopolymer that is told apart */
#define PERIOD_MAX 6   /* longest unit of a repeat */
#define REPEAT_MAX 60  /* longest repeat that is told apart */
#define GC_REACH 50    /* bases each side of the site */
#define LENGTH_SCALE 4 /* of logarithms */
#define SHIFT_SCALE 20
#define HOMOPOLYMER_SCALE 10

/* clang-format off */
const uint8_t cnnscore_base_bits[256] = {
    ['A'] = 1, ['C'] = 2, ['G'] = 4, ['T'] = 8, ['U'] = 8, ['M'] = 3, ['R'] = 5, ['S'] = 6, ['V'] = 7,
    ['W'] = 9, ['Y'] = 10, ['H'] = 11, ['K'] = 12, ['D'] = 13, ['B'] = 14, ['N'] = 15,
    ['a'] = 1, ['c'] = 2, ['g'] = 4, ['t'] = 8, ['u'] = 8, ['m'] = 3, ['r'] = 5, ['s'] = 6, ['v'] = 7,
    ['w'] = 9, ['y'] = 10, ['h'] = 11, ['k'] = 12, ['d'] = 13, ['b'] = 14, ['n'] = 15,
};
/* clang-format on */

/* ---- rows ---- */

int cnnscore_rows_check(const cnnscore_window_batch *batch, const cnnscore_rows *rows, int what,
                        int32_t right, cnnscore_error *err) {
    int rc = cnnscore_batch_open(batch, what, err);
    if (rc != CNNSCORE_OK) return rc;
    if (rows->n > 0 && !rows->alleles)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "encode: no list of alleles");
    return cnnscore_request_check(batch, rows->sites, rows->n, rows->window, right, err);
}

bool cnnscore_site_allele(const cnnscore_window_batch *batch, const cnnscore_site *site, int64_t number,
                          cnnscore_allele *allele) {
    /* cnnscore_site_open has checked all of the site's offsets. */
    const int64_t *offset = batch->allele_offset + batch->site_allele[site->index];
    return cnnscore_allele_trim(allele, site->pos, batch->alleles + offset[0], offset[1] - offset[0],
                                batch->alleles + offset[number], offset[number + 1] - offset[number]);
}

/* Whether an ALT allele beside `number` can be scored: `*` and symbolic alleles are no alternatives. */
static bool has_another(const cnnscore_window_batch *batch, const cnnscore_site *site, int64_t n_alts,
                        int64_t number) {
    cnnscore_allele allele;
    for (int64_t other = 1; other <= n_alts; other++)
        if (other != number && cnnscore_site_allele(batch, site, other, &allele)) return true;
    return false;
}

int cnnscore_variant_open(const cnnscore_window_batch *batch, const cnnscore_rows *rows, int64_t i, int what,
                          cnnscore_variant *self, cnnscore_error *err) {
    int64_t index = rows->sites[i], number = rows->alleles[i];
    int rc = cnnscore_site_open(batch, index, what, &self->site, err);
    if (rc != CNNSCORE_OK) return rc;
    self->n_alts = batch->site_allele[index + 1] - batch->site_allele[index] - 1;
    if (number < 1 || number > self->n_alts)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "encode: ALT allele %lld was asked for, site %lld has %lld", (long long)number,
                             (long long)index, (long long)self->n_alts);
    if (!cnnscore_site_allele(batch, &self->site, number, &self->allele))
        return cnnscore_site_fail(
            batch, index, err, "its ALT allele %lld is no sequence that differs from REF", (long long)number);
    self->number = number;
    self->multi_allelic = has_another(batch, &self->site, self->n_alts, number);
    int64_t half = rows->window / 2;
    self->row = (cnnscore_reference_row){
        .bases = batch->reference + (size_t)index * (size_t)batch->reference_width +
                 (batch->reference_left - half),
        .begin = self->site.pos - half,
        .end = self->site.pos - half + rows->window,
    };
    cnnscore_allele_find_repeat(&self->allele, &self->row);
    return CNNSCORE_OK;
}

int cnnscore_batch_alleles(const cnnscore_window_batch *batch, int64_t *sites, int64_t *alleles, int64_t *n,
                           cnnscore_error *err) {
    *n = 0;
    int rc = cnnscore_batch_open(batch, CNNSCORE_VIEW_SITES, err);
    for (int64_t i = 0; rc == CNNSCORE_OK && i < batch->n_sites; i++) {
        cnnscore_site site;
        rc = cnnscore_site_open(batch, i, CNNSCORE_VIEW_SITES, &site, err);
        if (rc != CNNSCORE_OK) break;
        int64_t n_alts = batch->site_allele[i + 1] - batch->site_allele[i] - 1;
        for (int64_t number = 1; number <= n_alts; number++) {
            cnnscore_allele allele;
            if (!cnnscore_site_allele(batch, &site, number, &allele)) continue;
            sites[*n] = i;
            alleles[(*n)++] = number;
        }
    }
    return rc;
}

/* ---- features ---- */

/* How many of the bases from `pos` on, in steps of `step`, equal the first. */
static int run_length(const cnnscore_reference_row *row, int64_t pos, int step) {
    uint8_t base = cnnscore_row_base(row, pos);
    int n = 0;
    while (base && n < RUN_MAX && cnnscore_row_base(row, pos + n * step) == base) n++;
    return n;
}

/* Bases of the repeat of units of `period` that begins at `pos` and goes on in steps of `step`; 0 when
 * there are not two whole units. */
static int repeat_length(const cnnscore_reference_row *row, int64_t pos, int step, int period) {
    int n = 0;
    for (; n < REPEAT_MAX - period; n++) {
        uint8_t base = cnnscore_row_base(row, pos + n * step);
        if (!base || base != cnnscore_row_base(row, pos + (n + period) * step)) break;
    }
    return n >= period ? n + period : 0;
}

/* The longest repeat at either side of the site; of equal ones that of the shortest unit. */
static void longest_repeat(const cnnscore_variant *self, int *length, int *period) {
    const cnnscore_allele *allele = &self->allele;
    bool indel = cnnscore_allele_is_indel(allele);
    int64_t right = indel ? allele->repeat_begin : allele->begin + allele->ref_length;
    *length = *period = 0;
    for (int unit = 1; unit <= PERIOD_MAX; unit++)
        for (int side = 0; side < 2; side++) {
            int found = side ? repeat_length(&self->row, right, 1, unit)
                             : repeat_length(&self->row, allele->repeat_begin - 1, -1, unit);
            if (found > *length) {
                *length = found;
                *period = unit;
            }
        }
}

static float gc_content(const cnnscore_variant *self) {
    int known = 0, gc = 0;
    for (int64_t pos = self->allele.begin - GC_REACH; pos < self->allele.begin + GC_REACH; pos++) {
        uint8_t base = cnnscore_row_base(&self->row, pos);
        known += base != 0;
        gc += base == 'G' || base == 'C';
    }
    return known ? (float)gc / (float)known : 0.5F;
}

static void snp_features(const cnnscore_variant *self, float *transition, float *purine, float *cpg,
                         float *oxidation) {
    int64_t pos = self->allele.begin;
    char ref = (char)(self->allele.ref[0] & 0xDF), alt = (char)(self->allele.alt[0] & 0xDF);
    *transition = (float)((ref == 'A' && alt == 'G') || (ref == 'G' && alt == 'A') ||
                          (ref == 'C' && alt == 'T') || (ref == 'T' && alt == 'C'));
    *purine = (float)(ref == 'A' || ref == 'G');
    *cpg = (float)((ref == 'C' && cnnscore_row_base(&self->row, pos + 1) == 'G') ||
                   (ref == 'G' && cnnscore_row_base(&self->row, pos - 1) == 'C'));
    *oxidation = (float)((ref == 'C' && alt == 'A') || (ref == 'G' && alt == 'T'));
}

void cnnscore_variant_features(const cnnscore_variant *self, float *to) {
    const cnnscore_allele *allele = &self->allele;
    bool indel = cnnscore_allele_is_indel(allele), snp = allele->ref_length == 1 && allele->alt_length == 1;
    int64_t change = allele->alt_length - allele->ref_length;
    if (change == 0) change = allele->ref_length - 1; /* of an MNP: the bases beyond the first */
    float transition = 0, purine = 0, cpg = 0, oxidation = 0;
    if (snp) snp_features(self, &transition, &purine, &cpg, &oxidation);
    int length, period;
    longest_repeat(self, &length, &period);
    /* First and last of the bases that are new, or gone. */
    const char *bases = allele->alt_length ? allele->alt : allele->ref;
    int64_t n = allele->alt_length ? allele->alt_length : allele->ref_length;
    uint8_t first = (uint8_t)(bases[0] & 0xDF), last = (uint8_t)(bases[n - 1] & 0xDF);
    int64_t right = indel ? allele->repeat_begin : allele->begin + allele->ref_length;
    int64_t shift = allele->repeat_end - allele->repeat_begin - allele->ref_length;

    *to++ = (float)snp;
    *to++ = (float)(indel && allele->alt_length > 0);
    *to++ = (float)(indel && allele->ref_length > 0);
    *to++ = (float)(!indel && !snp);
    *to++ = log1pf((float)(change < 0 ? -change : change)) / LENGTH_SCALE;
    *to++ = transition;
    *to++ = purine;
    *to++ = cpg;
    *to++ = oxidation;
    *to++ = (float)run_length(&self->row, allele->repeat_begin - 1, -1) / HOMOPOLYMER_SCALE;
    *to++ = (float)run_length(&self->row, right, 1) / HOMOPOLYMER_SCALE;
    *to++ = (float)shift / SHIFT_SCALE;
    *to++ = (float)length / SHIFT_SCALE;
    *to++ = (float)period / PERIOD_MAX;
    *to++ = gc_content(self);
    *to++ = (float)(first == cnnscore_row_base(&self->row, allele->begin - 1));
    *to++ = (float)(last == cnnscore_row_base(&self->row, allele->begin + allele->ref_length));
    *to++ = (float)self->multi_allelic;
}
