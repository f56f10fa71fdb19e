/* grouped.h: large numbers as people read them. */
#ifndef CNNSCORE_GROUPED_H
#define CNNSCORE_GROUPED_H

#include <inttypes.h>
#include <stdio.h>

typedef struct {
    char text[32];
} cnnscore_grouped_number;

/* 1234567 -> "1,234,567", of numbers from 0 on */
static inline cnnscore_grouped_number cnnscore_grouped(int64_t value) {
    cnnscore_grouped_number number;
    char digits[24], *to = number.text;
    int n = snprintf(digits, sizeof digits, "%" PRId64, value);
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0) *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return number;
}

#endif
