/* read_part.h: a BAM record that holds a part of its read's bases, and what it says of the whole read.
 *
 * Shared by the stage that cuts reads (native/window) and the one that looks at them (native/encode).
 * Such a record ends with the tag cn:B:I. Its l_seq, bases and qualities are those of the part; its CIGAR is
 * of the whole read, but may be simpler where no encoding looks (docs/reference/protocol.md).
 */
#ifndef CNNSCORE_READ_PART_H
#define CNNSCORE_READ_PART_H

#include <stdint.h>

#define CNNSCORE_PART_TAG "cnBI\6\0\0" /* and the NUL that ends it: six numbers follow */
#define CNNSCORE_PART_TAG_SIZE 8
#define CNNSCORE_PART_NUMBERS 6
#define CNNSCORE_PART_SIZE (CNNSCORE_PART_TAG_SIZE + 4 * CNNSCORE_PART_NUMBERS)

/* Qualities up to this are cut off at both ends by HaplotypeCaller, */
#define CNNSCORE_TAIL_QUALITY 9
/* and those below its --base-quality-score-threshold count as quality 6. */
#define CNNSCORE_LOW_QUALITY 18

/* What annotations ask of all qualities of a read: bases [begin, end) lie between its tails of low
 * qualities, n_low of these are below CNNSCORE_LOW_QUALITY. */
typedef struct {
    int64_t begin, end, n_low;
} cnnscore_qualities;

static inline cnnscore_qualities cnnscore_qualities_of(const uint8_t *qual, int64_t n) {
    cnnscore_qualities found = {0, n, 0};
    while (found.begin < found.end && qual[found.begin] <= CNNSCORE_TAIL_QUALITY) found.begin++;
    while (found.end > found.begin && qual[found.end - 1] <= CNNSCORE_TAIL_QUALITY) found.end--;
    for (int64_t i = found.begin; i < found.end; i++) found.n_low += qual[i] < CNNSCORE_LOW_QUALITY;
    return found;
}

/* The tag's numbers, in its order. */
typedef struct {
    uint32_t length;                    /* bases of the read, */
    uint32_t begin;                     /* of which the first that is held is this one */
    uint32_t n_indels;                  /* I and D operators that its CIGAR leaves out */
    uint32_t good_begin, good_end, low; /* cnnscore_qualities of the whole read */
} cnnscore_read_part;

#endif
