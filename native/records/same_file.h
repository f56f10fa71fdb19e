/* same_file.h: two names of one file: what is written must be no input, and no read file be given twice. */
#ifndef CNNSCORE_SAME_FILE_H
#define CNNSCORE_SAME_FILE_H

#include <stdbool.h>

#include "cnnscore.h"

/* cdef begin */

/* USAGE where `output` is a file that is there and is read: one of `inputs` [n], as htslib takes their names,
 * or an index beside it; whatever links lead to it. */
int cnnscore_check_output(const char *output, const char *const *inputs, int32_t n, cnnscore_error *err);

/* What tells a file from all others of this machine. `beside` 0 is `name` itself, as htslib takes names; from
 * 1 on: an index that may lie beside it. 1 and the key, 0 where no such file is, -1 where there are no more.
 */
int32_t cnnscore_file_key(const char *name, int32_t beside, uint64_t key[2]);

/* cdef end */

/* Whether both names lead to one file, or are one address. */
bool cnnscore_same_file(const char *a, const char *b);

#endif
