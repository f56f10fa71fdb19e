/* fail.h: fill a cnnscore_error and return its code, in one expression. */
#ifndef CNNSCORE_FAIL_H
#define CNNSCORE_FAIL_H

#include <stdarg.h>
#include <stdio.h>

#include "cnnscore.h"

__attribute__((format(printf, 3, 4))) static inline int cnnscore_fail(cnnscore_error *err, int code,
                                                                      const char *format, ...) {
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
    }
    return code;
}

static inline int cnnscore_fail_memory(cnnscore_error *err) {
    return cnnscore_fail(err, CNNSCORE_ERR_NOMEM, "out of memory");
}

#endif
