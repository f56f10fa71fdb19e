/* plant.h: reads whose sequence is changed at chosen places, for planted truth (python/cnnscore/plant). */
#ifndef CNNSCORE_PLANT_H
#define CNNSCORE_PLANT_H

#include "cnnscore.h"

/* cdef begin */

/* Places of `n` changes: in each contig ascending, at least two bases apart. Coordinates are those of the
 * sequence that the reads are aligned to, 0-based. */
typedef struct {
    uint32_t struct_size;
    int32_t n_contigs;
    const char *const *contigs; /* [n_contigs] names */
    const int64_t *begin;       /* [n_contigs + 1] changes of each contig */
    const int64_t *pos;         /* [n] first base that is replaced, or before which is inserted */
    const int32_t *n_removed;   /* [n] bases that go, 0 to CNNSCORE_PLANT_MOST */
    const int32_t *n_inserted;  /* [n] bases that come in their place, 0 to CNNSCORE_PLANT_MOST */
    const uint8_t *removed;     /* [n * CNNSCORE_PLANT_MOST] the bases that go, in capitals */
    const uint8_t *inserted;    /* [n * CNNSCORE_PLANT_MOST] */
    const uint8_t *haplotype;   /* [n] 0 or 1: of which haplotype reads are changed */
    uint64_t seed;              /* which reads are of which haplotype */
} cnnscore_changes;

#define CNNSCORE_PLANT_MOST 16

typedef struct {
    uint32_t struct_size;
    int64_t reads;   /* written */
    int64_t changed; /* of these, with at least one change */
} cnnscore_changed_reads;

/* Write the reads of the BAM `path` as FASTQ to `output`, in their order and in the direction in which they
 * were read; secondary and supplementary alignments are left out. Reads of a haplotype, by a hash of their
 * name, are changed at the places that they are aligned to: so both mates are, and neighbouring places hang
 * together. A base takes its quality along; inserted bases have the qualities of those that follow. No read
 * gets longer: what is too much goes at the end that was read last. A base that differs from what should go
 * is an error of the sequencer's, and stays.
 * INPUT for a file that is no BAM or is damaged, and a read without bases or qualities; OUTPUT. */
int cnnscore_change_reads(const char *path, const char *output, const cnnscore_changes *changes,
                          cnnscore_changed_reads *done, cnnscore_error *err);

/* cdef end */
#endif
