/* merge.c: the next of several files. */
#include "merge.h"

#include <stdlib.h>
#include <string.h>

int cnnscore_merge_init(cnnscore_merge *self, int32_t n_files) {
    self->n = 0;
    self->next = calloc((size_t)n_files + 1, sizeof *self->next);
    self->queue = calloc((size_t)n_files + 1, sizeof *self->queue);
    return self->next && self->queue ? 0 : -1;
}

void cnnscore_merge_free(cnnscore_merge *self) {
    free(self->next);
    free(self->queue);
    *self = (cnnscore_merge){0};
}

#define COMPARE(x, y)                              \
    do {                                           \
        if ((x) != (y)) return (x) < (y) ? -1 : 1; \
    } while (0)

int cnnscore_reads_order(const bam1_t *a, const bam1_t *b) {
    COMPARE(a->core.pos, b->core.pos);
    COMPARE(a->core.flag & BAM_FREVERSE, b->core.flag & BAM_FREVERSE);
    int by_name = strcmp(bam_get_qname(a), bam_get_qname(b));
    if (by_name) return by_name;
    COMPARE(a->core.flag, b->core.flag);
    COMPARE(a->core.qual, b->core.qual);
    COMPARE(a->core.mtid, b->core.mtid);
    COMPARE(a->core.mpos, b->core.mpos);
    COMPARE(a->core.isize, b->core.isize);
    return 0;
}

static int compare(const cnnscore_merge *self, int32_t a, int32_t b) {
    return cnnscore_reads_order(self->next[a], self->next[b]);
}

void cnnscore_merge_offer(cnnscore_merge *self, int32_t file, const bam1_t *next) {
    self->next[file] = next;
    int32_t at = self->n++;
    while (at > 0) {
        int32_t parent = (at - 1) / 2;
        if (compare(self, file, self->queue[parent]) >= 0) break;
        self->queue[at] = self->queue[parent];
        at = parent;
    }
    self->queue[at] = file;
}

int32_t cnnscore_merge_take(cnnscore_merge *self) {
    int32_t first = self->queue[0], n = --self->n, moved = self->queue[n], at = 0;
    while (2 * at + 1 < n) {
        int32_t child = 2 * at + 1;
        if (child + 1 < n && compare(self, self->queue[child], self->queue[child + 1]) > 0) child++;
        if (compare(self, moved, self->queue[child]) <= 0) break;
        self->queue[at] = self->queue[child];
        at = child;
    }
    self->queue[at] = moved;
    return first;
}
