/* merge.h: which of several coordinate-ordered files has the next read, as GATK's reader says.
 *
 * That is htsjdk's MergingSamRecordIterator: a java.util.PriorityQueue of the files by their next read
 * (SAMRecordCoordinateComparator). Reads that compare as equal, which differ in CIGAR, bases, qualities or
 * tags alone, come in the order that this queue happens to have: it is repeated to the letter. */
#ifndef CNNSCORE_MERGE_H
#define CNNSCORE_MERGE_H

#include <htslib/sam.h>

typedef struct {
    const bam1_t **next; /* [n_files] next read of a file that is queued */
    int32_t *queue;      /* [n] files, a binary heap */
    int32_t n;
} cnnscore_merge;

/* Returns 0, or -1 when memory is short. */
int cnnscore_merge_init(cnnscore_merge *self, int32_t n_files);
void cnnscore_merge_free(cnnscore_merge *self);
/* Queue a file by its next read, which is borrowed until the file is taken. A merge starts with n = 0 and
 * the files in the order they were given. */
void cnnscore_merge_offer(cnnscore_merge *self, int32_t file, const bam1_t *next);
/* Take the file that comes next out of the queue; n > 0. */
int32_t cnnscore_merge_take(cnnscore_merge *self);

/* htsjdk's coordinate order of two reads of one contig: 0 for reads that it does not tell apart. */
int cnnscore_reads_order(const bam1_t *a, const bam1_t *b);

#endif
