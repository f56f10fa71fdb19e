/* grow.h: arrays that grow and are reused. */
#ifndef CNNSCORE_GROW_H
#define CNNSCORE_GROW_H

#include <stdlib.h>
#include <string.h>

/* Make room for `count` items of `item` bytes in *array, whatever it points to. Returns 0, or -1
 * when memory is short; the old contents stay valid either way. */
static inline int cnnscore_reserve(void *array, size_t *capacity, size_t count, size_t item) {
    void *old, *grown;
    memcpy(&old, array, sizeof old); /* not a cast to void **: the pointer has another type */
    if (old && count <= *capacity) return 0;
    size_t wanted = count + count / 2 + 16;
    grown = realloc(old, wanted * item);
    if (!grown) return -1;
    memcpy(array, &grown, sizeof grown);
    *capacity = wanted;
    return 0;
}

#endif
