/* annotations.h: a site's annotations worked out from its reads, by GATK's definitions. */
#ifndef CNNSCORE_ANNOTATIONS_H
#define CNNSCORE_ANNOTATIONS_H

#include "evidence.h"

#define CNNSCORE_N_ANNOTATIONS 12 /* codes CNNSCORE_ANNOTATION_* */

/* A read as annotations see it. */
typedef struct {
    bool counts;                     /* whether HaplotypeCaller would have kept it */
    bool supports_ref, supports_alt; /* of any ALT; neither: it takes no side */
    bool reverse;
    uint8_t mapq, quality;
    int32_t end_distance; /* bases between the site and the nearer end of the read */
} cnnscore_annotated_read;

cnnscore_annotated_read cnnscore_annotated(const cnnscore_bam_record *record,
                                           const cnnscore_evidence *evidence);

/* values[CNNSCORE_N_ANNOTATIONS] by code, NaN where there is none. `reads` are n of `depth` that counted
 * at the site; counts are scaled up to these. `qual` is the record's. n is at most 4096; `reads` is
 * reordered. */
void cnnscore_annotate(cnnscore_annotated_read *reads, int64_t n, int64_t depth, double qual, float *values);

#endif
