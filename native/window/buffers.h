/* buffers.h: the memory of a window batch while it is filled. */
#ifndef CNNSCORE_BUFFERS_H
#define CNNSCORE_BUFFERS_H

#include <htslib/sam.h>

#include "cut.h"
#include "window.h"

struct cnnscore_windows {
    cnnscore_window_batch batch;
    uint8_t *reference, *reads;
    int64_t *site_read, *read_offset;
    int32_t *site_depth;
    float *sample_depth;
    size_t reference_capacity, reads_capacity, site_capacity, read_capacity, depth_capacity,
        sample_depth_capacity;
};

/* Make what is kept of a read number n of the batch, one of the site's contig: a BAM record without tags but
 * its own. Reads are appended in order. Returns 0, or -1 when memory is short. */
int cnnscore_windows_append(cnnscore_windows *windows, int64_t n, const bam1_t *read,
                            const cnnscore_kept_read *kept, int32_t contig);

#endif
