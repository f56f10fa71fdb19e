/* align.h: the cost of short sequences on others, by alignment with gaps in a band, several at once.
 *
 * Costs are phred. The sum of a sequence's mismatches and gaps fits into 16 bits, and all alignments of a
 * batch take the same steps, each in a lane of a vector. */
#ifndef CNNSCORE_ALIGN_H
#define CNNSCORE_ALIGN_H

#include <stdint.h>

#define CNNSCORE_ALIGN_LANES 8
#define CNNSCORE_ALIGN_BASES 320 /* of a sequence, at most */
#define CNNSCORE_ALIGN_WIDTH 128 /* of a band, at most */
#define CNNSCORE_ALIGN_ANYWHERE (-1)

#define CNNSCORE_GAP_OPEN 40     /* of a gap's first base */
#define CNNSCORE_MISMATCH_MAX 40 /* of a base: two gaps are never cheaper */

/* Base i of a sequence has `width` places on the other: its bases i, i + 1, and so on. */
typedef struct {
    int32_t n; /* bases of the sequence */
    int32_t width;
    int32_t first, last; /* which of its places the first base takes, and the last; or ANYWHERE */
    int32_t *cost;       /* the least of the whole sequence: of what was here and what is found */
} cnnscore_alignment;

/* Of GCC and Clang, for any processor. */
typedef int16_t cnnscore_lanes __attribute__((vector_size(2 * CNNSCORE_ALIGN_LANES)));

/* Alignments that wait, all of one width. Starts as zeros. */
typedef struct {
    int32_t n;
    cnnscore_alignment lane[CNNSCORE_ALIGN_LANES];
    /* Bits of bases; what a base costs that differs, and as a further one of a gap, up to 40 each. */
    cnnscore_lanes bases[CNNSCORE_ALIGN_BASES];
    cnnscore_lanes mismatch[CNNSCORE_ALIGN_BASES];
    cnnscore_lanes inserted[CNNSCORE_ALIGN_BASES];
    cnnscore_lanes other[CNNSCORE_ALIGN_BASES + CNNSCORE_ALIGN_WIDTH];
    cnnscore_lanes deleted[CNNSCORE_ALIGN_BASES + CNNSCORE_ALIGN_WIDTH];
} cnnscore_alignments;

/* Works out all that wait; then none does. */
void cnnscore_align(cnnscore_alignments *self);

#endif
