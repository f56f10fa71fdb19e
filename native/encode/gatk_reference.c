/* gatk_reference.c: the gatk-reference encoding. */
#include "gatk_reference.h"

#include <string.h>

/* REF_NONE minus the code, so that every byte not listed (0 beyond a contig included) reads
 * as REF_NONE. */
#define ANY (CNNSCORE_REF_NONE - CNNSCORE_REF_ANY)
/* clang-format off */
static const uint8_t none_minus_code[256] = {
    ['A'] = CNNSCORE_REF_NONE - CNNSCORE_REF_A, ['a'] = CNNSCORE_REF_NONE - CNNSCORE_REF_A,
    ['C'] = CNNSCORE_REF_NONE - CNNSCORE_REF_C, ['c'] = CNNSCORE_REF_NONE - CNNSCORE_REF_C,
    ['G'] = CNNSCORE_REF_NONE - CNNSCORE_REF_G, ['g'] = CNNSCORE_REF_NONE - CNNSCORE_REF_G,
    ['T'] = CNNSCORE_REF_NONE - CNNSCORE_REF_T, ['t'] = CNNSCORE_REF_NONE - CNNSCORE_REF_T,
    ['*'] = CNNSCORE_REF_NONE - CNNSCORE_REF_GAP,
    ['K'] = ANY, ['M'] = ANY, ['R'] = ANY, ['Y'] = ANY, ['S'] = ANY, ['W'] = ANY,
    ['B'] = ANY, ['V'] = ANY, ['H'] = ANY, ['D'] = ANY, ['X'] = ANY, ['N'] = ANY,
    ['k'] = ANY, ['m'] = ANY, ['r'] = ANY, ['y'] = ANY, ['s'] = ANY, ['w'] = ANY,
    ['b'] = ANY, ['v'] = ANY, ['h'] = ANY, ['d'] = ANY, ['x'] = ANY, ['n'] = ANY,
};
/* clang-format on */

void cnnscore_gatk_reference_codes(const cnnscore_window_batch *batch, const cnnscore_site *site,
                                   int32_t window, uint8_t *codes) {
    int64_t half = window / 2, first = site->pos - half, n_bases = window;
    if (first < 0) {
        /* GATK shifts the string left at a contig's start, but asks for no more bases to the
         * right than REF covers. */
        first = 0;
        n_bases = site->pos + site->ref_length + half + window % 2;
        if (n_bases > window) n_bases = window;
    }
    const uint8_t *row = batch->reference + (size_t)site->index * (size_t)batch->reference_width;
    int64_t column = batch->reference_left + first - site->pos;
    /* Only a site before its contig's first base (POS 0) reaches past the row. */
    if (n_bases > batch->reference_width - column) n_bases = batch->reference_width - column;
    for (int64_t i = 0; i < n_bases; i++)
        codes[i] = (uint8_t)(CNNSCORE_REF_NONE - none_minus_code[row[column + i]]);
    memset(codes + n_bases, CNNSCORE_REF_NONE, (size_t)(window - n_bases));
}

int cnnscore_encode_gatk_reference(const cnnscore_window_batch *batch, const int64_t *order, int64_t n,
                                   int32_t window, uint8_t *reference, cnnscore_error *err) {
    int rc = cnnscore_batch_open(batch, CNNSCORE_VIEW_SITES, err);
    if (rc == CNNSCORE_OK) rc = cnnscore_request_check(batch, order, n, window, window, err);
    for (int64_t i = 0; rc == CNNSCORE_OK && i < n; i++) {
        cnnscore_site site;
        rc = cnnscore_site_open(batch, order[i], CNNSCORE_VIEW_SITES, &site, err);
        if (rc == CNNSCORE_OK)
            cnnscore_gatk_reference_codes(batch, &site, window, reference + (size_t)i * (size_t)window);
    }
    return rc;
}
