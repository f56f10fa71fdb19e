/* int64.h: what C has no word for: the smaller, the larger, the nearest within limits. */
#ifndef CNNSCORE_INT64_H
#define CNNSCORE_INT64_H

#include <stdint.h>

static inline int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t max64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static inline int64_t clamp64(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

#endif
