/* gatk_reference.h: the reference sequence that both GATK encodings share. */
#ifndef CNNSCORE_GATK_REFERENCE_H
#define CNNSCORE_GATK_REFERENCE_H

#include "batch_view.h"

/* Writes the `window` reference codes of a site, no insertion opened. */
void cnnscore_gatk_reference_codes(const cnnscore_window_batch *batch, const cnnscore_site *site,
                                   int32_t window, uint8_t *codes);

#endif
