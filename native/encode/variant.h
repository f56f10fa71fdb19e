/* variant.h: a row of our own encodings: one ALT allele of a site and the reference around it. */
#ifndef CNNSCORE_VARIANT_H
#define CNNSCORE_VARIANT_H

#include "allele.h"
#include "batch_view.h"

typedef struct {
    cnnscore_site site;
    int64_t n_alts;
    int64_t number;     /* of the ALT allele: 1 is the first */
    bool multi_allelic; /* another ALT allele is a sequence too */
    cnnscore_allele allele;
    cnnscore_reference_row row; /* the window: nothing beyond it is looked at */
} cnnscore_variant;

/* Opens the batch as cnnscore_batch_open does and checks what concerns no single row, as
 * cnnscore_request_check does. */
int cnnscore_rows_check(const cnnscore_window_batch *batch, const cnnscore_rows *rows, int what,
                        int32_t right, cnnscore_error *err);

/* Opens row i of checked rows, its repeat found. */
int cnnscore_variant_open(const cnnscore_window_batch *batch, const cnnscore_rows *rows, int64_t i, int what,
                          cnnscore_variant *variant, cnnscore_error *err);

/* The allele `number` of an opened site, trimmed: false where it cannot be scored. */
bool cnnscore_site_allele(const cnnscore_window_batch *batch, const cnnscore_site *site, int64_t number,
                          cnnscore_allele *allele);

/* features[CNNSCORE_VARIANT_FEATURES] */
void cnnscore_variant_features(const cnnscore_variant *variant, float *features);

/* A letter as BAM's bits: A 1, C 2, G 4, T 8, IUPAC codes their sums; 0 what is none. */
extern const uint8_t cnnscore_base_bits[256];

#endif
