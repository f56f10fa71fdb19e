/* cut.h: what of a long read an encoding can see from a site. The rest is not copied into a window batch:
 * its size then depends on the sites and their depth, not on how long reads are.
 *
 * What is kept, and why that is enough, stands in docs/reference/encodings.md. */
#ifndef CNNSCORE_CUT_H
#define CNNSCORE_CUT_H

#include <htslib/sam.h>
#include <stdbool.h>

#include "read_part.h"

/* A site that reads are wanted for. */
typedef struct {
    int64_t pos, end;   /* reads are to overlap this */
    int64_t ref_length; /* of its REF allele */
    int32_t index, contig;
} cnnscore_wanted_site;

/* A long read while sites pass by: what was found out of it, and a place in its CIGAR before all sites that
 * follow. Starts as zeros. */
typedef struct {
    bool known;
    bool is_regular;               /* clips stand at its ends alone, and it has all bases of its CIGAR */
    uint32_t n_head, n_tail;       /* operators that are clips */
    int64_t clip_left, clip_right; /* soft-clipped bases */
    int64_t end;                   /* of the alignment */
    int64_t n_indels;
    cnnscore_qualities qualities;
    uint32_t op;                /* the place: operators before it, less the clips, */
    int64_t pos, index, indels; /* and what they come to */
} cnnscore_read_cursor;

/* What of a read goes into a batch: bases [begin, begin + n_bases), and a CIGAR. */
typedef struct {
    const uint32_t *cigar;
    uint32_t n_cigar;
    int64_t begin, n_bases;
    bool is_part;
    cnnscore_read_part part; /* of a part */
} cnnscore_kept_read;

/* The rule of cutting, and memory. */
typedef struct {
    int32_t read_rule, reference_left, reference_width;
    bool whole; /* cut nothing */
    uint32_t *cigar;
    size_t capacity;
} cnnscore_cutter;

void cnnscore_cutter_free(cnnscore_cutter *self);
/* Whether a read is long enough to be cut: only then it needs a cursor. */
bool cnnscore_is_long(const cnnscore_cutter *self, const bam1_t *read);
cnnscore_kept_read cnnscore_whole_read(const bam1_t *read);
/* Cut a long read; sites pass by in order of their positions. The result is valid until the next call.
 * Returns 0, or -1 when memory is short. */
int cnnscore_cut_read(cnnscore_cutter *self, const bam1_t *read, cnnscore_read_cursor *cursor,
                      const cnnscore_wanted_site *site, cnnscore_kept_read *kept);

#endif
