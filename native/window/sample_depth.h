/* sample_depth.h: what read files hold as a whole, from some hundred places of their contigs. */
#ifndef CNNSCORE_SAMPLE_DEPTH_H
#define CNNSCORE_SAMPLE_DEPTH_H

#include "reads.h"

/* The median number of reads over a locus, each locus counting as often as it has reads; NaN where too few
 * loci have any. *parts are the cells of the first look, *covered those of them that have reads. Ends the
 * running query. */
int cnnscore_sample_depth(cnnscore_reads *reads, float *depth, int32_t *parts, int32_t *covered,
                          cnnscore_error *err);

/* Whether any read counts: the first reads of each place are looked at until one does. Counts those that it
 * sees. Ends the running query. */
int cnnscore_any_read_counts(cnnscore_reads *reads, bool *any, cnnscore_error *err);

#endif
