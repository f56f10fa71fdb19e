/* haplotypes.c: the reference encoding: the reference and the ALT haplotype, base by base. */
#include "variant.h"

static uint8_t code_of(uint8_t letter) {
    switch (cnnscore_base_bits[letter]) {
        case 0:
            return CNNSCORE_REF_NONE;
        case 1:
            return CNNSCORE_REF_A;
        case 2:
            return CNNSCORE_REF_C;
        case 4:
            return CNNSCORE_REF_G;
        case 8:
            return CNNSCORE_REF_T;
        default:
            return CNNSCORE_REF_ANY;
    }
}

/* The window with REF replaced by ALT; what moves in from the right of it is known up to `window`
 * columns from POS on. */
static void write_alternate(const cnnscore_window_batch *batch, const cnnscore_variant *variant,
                            int32_t window, uint8_t *to) {
    const cnnscore_allele *allele = &variant->allele;
    int64_t changed = allele->begin - variant->row.begin;
    const uint8_t *row = batch->reference + (size_t)variant->site.index * (size_t)batch->reference_width;
    int64_t row_begin = variant->site.pos - batch->reference_left;
    for (int64_t column = 0; column < window; column++) {
        if (column < changed) {
            to[column] = code_of(variant->row.bases[column]);
        } else if (column - changed < allele->alt_length) {
            to[column] = code_of((uint8_t)allele->alt[column - changed]);
        } else {
            int64_t pos = variant->row.begin + column + allele->ref_length - allele->alt_length;
            to[column] = pos < variant->site.pos + window ? code_of(row[pos - row_begin]) : CNNSCORE_REF_NONE;
        }
    }
}

int cnnscore_encode_reference(const cnnscore_window_batch *batch, const cnnscore_rows *rows,
                              uint8_t *reference, uint8_t *alternate, float *variant, cnnscore_error *err) {
    int rc = cnnscore_rows_check(batch, rows, CNNSCORE_VIEW_SITES, rows->window, err);
    for (int64_t i = 0; rc == CNNSCORE_OK && i < rows->n; i++) {
        cnnscore_variant opened;
        rc = cnnscore_variant_open(batch, rows, i, CNNSCORE_VIEW_SITES, &opened, err);
        if (rc != CNNSCORE_OK) break;
        size_t at = (size_t)i * (size_t)rows->window;
        for (int32_t column = 0; column < rows->window; column++)
            reference[at + (size_t)column] = code_of(opened.row.bases[column]);
        write_alternate(batch, &opened, rows->window, alternate + at);
        cnnscore_variant_features(&opened, variant + (size_t)i * CNNSCORE_VARIANT_FEATURES);
    }
    return rc;
}
