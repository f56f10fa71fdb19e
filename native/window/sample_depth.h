/* sample_depth.h: how deep a sample usually is, from some hundred loci of its reads. */
#ifndef CNNSCORE_SAMPLE_DEPTH_H
#define CNNSCORE_SAMPLE_DEPTH_H

#include "reads.h"

/* The median number of reads over a locus, each locus counting as often as it has reads; NaN where too few
 * loci have any. Ends the running query. */
int cnnscore_sample_depth(cnnscore_reads *reads, float *depth, cnnscore_error *err);

#endif
