/* annotations.h: a site's annotations worked out from its reads, by GATK's definitions. */
#ifndef CNNSCORE_ANNOTATIONS_H
#define CNNSCORE_ANNOTATIONS_H

#include "evidence.h"

#define CNNSCORE_N_ANNOTATIONS 13 /* codes CNNSCORE_ANNOTATION_* */

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

/* What is known of a site beside its reads. */
typedef struct {
    int64_t depth;       /* reads that counted, of which not all may be there; 0: all are there */
    double sample_depth; /* how many usually do, NaN: not known */
    double qual;         /* the record's, NaN: none */
} cnnscore_annotated_site;

/* values[CNNSCORE_N_ANNOTATIONS] by code, NaN where there is none. `reads` are n of the site's; counts are
 * scaled up to all of these. n is at most 4096; `reads` is reordered. */
void cnnscore_annotate(cnnscore_annotated_read *reads, int64_t n, const cnnscore_annotated_site *site,
                       float *values);

#endif
