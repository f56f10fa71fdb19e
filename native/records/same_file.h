/* same_file.h: two names of one file: what is written must be no input, and no read file be given twice. */
#ifndef CNNSCORE_SAME_FILE_H
#define CNNSCORE_SAME_FILE_H

#include <stdbool.h>

#include "cnnscore.h"

/* cdef begin */

/* USAGE where `output` is a file that is there and is read: one of `inputs` [n], as htslib takes their names,
 * or an index beside it; whatever links lead to it. */
int cnnscore_check_output(const char *output, const char *const *inputs, int32_t n, cnnscore_error *err);

/* cdef end */

/* Whether both names lead to one file, or are one address. */
bool cnnscore_same_file(const char *a, const char *b);

#endif
