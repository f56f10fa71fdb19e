/* align.c: banded alignment with affine gaps, one alignment per lane. */
#include "align.h"

#include <stdbool.h>

#define LANES CNNSCORE_ALIGN_LANES
/* ALIGN_BASES mismatches beyond this fit into 16 bits. */
#define UNREACHED (INT16_MAX / 2)

static inline cnnscore_lanes least_of(cnnscore_lanes a, cnnscore_lanes b) {
    cnnscore_lanes least;
    for (int32_t lane = 0; lane < LANES; lane++) least[lane] = a[lane] < b[lane] ? a[lane] : b[lane];
    return least;
}

/* Costs up to base i of each place: by any path, and by one that ends with an insertion. */
typedef struct {
    cnnscore_lanes any[CNNSCORE_ALIGN_WIDTH + 1], insertion[CNNSCORE_ALIGN_WIDTH + 1];
} cells;

static void start(const cnnscore_alignments *self, cells *at, int32_t width) {
    for (int32_t b = 0; b <= width; b++)
        for (int32_t lane = 0; lane < LANES; lane++) {
            int32_t first = self->lane[lane].first;
            bool begins = b < width && (first == CNNSCORE_ALIGN_ANYWHERE || first == b);
            at->any[b][lane] = begins ? 0 : UNREACHED;
            at->insertion[b][lane] = UNREACHED;
        }
}

static void take_base(const cnnscore_alignments *self, cells *at, int32_t i, int32_t width) {
    const cnnscore_lanes base = self->bases[i], mismatch = self->mismatch[i], inserted = self->inserted[i];
    cnnscore_lanes deletion = at->any[width]; /* that ends at this place */
    for (int32_t b = 0; b < width; b++) {
        cnnscore_lanes insertion =
            least_of(at->any[b + 1] + CNNSCORE_GAP_OPEN, at->insertion[b + 1] + inserted);
        cnnscore_lanes differs = (base & self->other[i + b]) == 0;
        cnnscore_lanes aligned = at->any[b] + (mismatch & differs);
        cnnscore_lanes least = least_of(least_of(aligned, insertion), deletion);
        deletion = least_of(least + CNNSCORE_GAP_OPEN, deletion + self->deleted[i + b + 1]);
        at->insertion[b] = insertion;
        at->any[b] = least;
    }
}

static void finish(const cnnscore_alignment *self, const cells *at, int32_t lane) {
    int32_t from = self->last, to = self->last;
    if (self->last == CNNSCORE_ALIGN_ANYWHERE) {
        from = 0;
        to = self->width - 1;
    }
    for (int32_t b = from; b <= to; b++)
        if (at->any[b][lane] < *self->cost) *self->cost = at->any[b][lane];
}

void cnnscore_align(cnnscore_alignments *self) {
    cells at;
    int32_t n = 0, width = self->lane[0].width;
    for (int32_t lane = 0; lane < self->n; lane++)
        if (self->lane[lane].n > n) n = self->lane[lane].n;
    start(self, &at, width);
    for (int32_t i = 0; i < n; i++) {
        take_base(self, &at, i, width);
        for (int32_t lane = 0; lane < self->n; lane++)
            if (self->lane[lane].n == i + 1) finish(&self->lane[lane], &at, lane);
    }
    self->n = 0;
}
