/* annotations.h: what a network of GATK's encodings is not used to in its annotations: they are not there, or
 * are not what GATK's callers write. A second reading, in Java: AnnotationChecks.java. */
#ifndef CNNSCORE_ANNOTATIONS_H
#define CNNSCORE_ANNOTATIONS_H

#include "records.h"

/* cdef begin */

/* Of the records read so far, of one annotation. */
typedef struct {
    int64_t records; /* have an ALT allele that is a sequence, */
    int64_t known;   /* and of these have the annotation, */
    int64_t outside; /* and of these have it outside of what GATK's callers write */
} cnnscore_annotation_counts;

/* One for each annotation that the calls were opened with, in order. */
void cnnscore_calls_count_annotations(const cnnscore_calls *calls, cnnscore_annotation_counts *counts);
/* Add those of another part of the calls. */
void cnnscore_calls_add_annotation_counts(cnnscore_calls *calls, const cnnscore_annotation_counts *counts);
/* What to say, at the end, of the annotations of a network of GATK's encodings, which takes a missing one for
 * 0: the `i`th warning, from 0 on; 0 past the last. Some are not declared in the header; are declared, and
 * most records lack them; lie outside of what GATK's callers write in more than a quarter of the records that
 * have them. `encoding` is the network's: of "reference", which looks at no reads, it is said where the
 * records lack most of the caller's annotations; of others nothing. */
int32_t cnnscore_calls_warn_of_annotations(const cnnscore_calls *calls, const char *encoding,
                                           const char *model, int32_t i, cnnscore_error *warning);

/* cdef end */

/* Count the records of a batch. */
void cnnscore_annotations_count(cnnscore_calls *calls, const cnnscore_window_batch *sites);

#endif
