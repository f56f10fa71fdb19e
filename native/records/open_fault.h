/* open_fault.h: why a file could not be opened, where htslib tells its log alone. */
#ifndef CNNSCORE_OPEN_FAULT_H
#define CNNSCORE_OPEN_FAULT_H

#include "fail.h"

/* `code`, or where the process has hardly a file descriptor left, another message in place of what htslib
 * made of that: an index that is not there, a file that is none. */
int cnnscore_fault_of_descriptors(int code, cnnscore_error *err);

/* A call file whose header cannot be read: what is wrong with it, as far as it shows. `path` is opened again
 * ("-" is not); `name` is what messages call it, `reason` htslib's own words. */
int cnnscore_fault_of_header(const char *path, const char *name, const char *reason, cnnscore_error *err);

#endif
