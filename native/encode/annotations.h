/* annotations.h: a site's annotations worked out from its reads, by GATK's definitions. */
#ifndef CNNSCORE_ANNOTATIONS_H
#define CNNSCORE_ANNOTATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "encode.h"

#define CNNSCORE_N_ANNOTATIONS 12 /* codes CNNSCORE_ANNOTATION_* */

/* A read as annotations see it. */
typedef struct {
    bool supports_ref, supports_alt; /* of any ALT; neither: it takes no side */
    bool reverse;
    uint8_t mapq, quality;
    int32_t end_distance; /* bases between the site and the nearer end of the read, -1: not known */
} cnnscore_annotated_read;

/* values[CNNSCORE_N_ANNOTATIONS] by code, NaN where there is none. `reads` are n of `depth` that counted
 * at the site; counts are scaled up to these. `qual` is the record's. Reads below MAPQ 20 are left out,
 * as HaplotypeCaller does. n is at most 4096; `reads` is reordered. */
void cnnscore_annotate(cnnscore_annotated_read *reads, int64_t n, int64_t depth, double qual, float *values);

#endif
