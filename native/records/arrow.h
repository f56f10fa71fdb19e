/* arrow.h: columns -> a stream of the Arrow C interface, which pandas, polars, pyarrow, DuckDB and R read.
 *
 * https://arrow.apache.org/docs/format/CStreamInterface.html. No Python and no htslib: what is handed out is
 * freed by whoever holds it, in any thread, also when the interpreter is gone.
 */
#ifndef CNNSCORE_ARROW_H
#define CNNSCORE_ARROW_H

#include "cnnscore.h"

/* cdef begin */

typedef struct {
    const char *name;
    const char *format; /* as in Arrow: "f" float32, "l" int64, "U" text with 64-bit offsets, ... */
    const void *data;
    int64_t bytes;
    const int64_t *offsets; /* [rows + 1] of a text, else NULL */
    const uint8_t *valid;   /* a bit per row, lowest first; NULL: no value is missing */
    int64_t missing;
} cnnscore_column;

/* A `struct ArrowArrayStream` of one batch, with copies of all columns. */
int cnnscore_arrow_stream(const cnnscore_column *columns, int32_t n_columns, int64_t rows, void **stream,
                          cnnscore_error *err);
/* Release it, if nobody took it, and free it. */
void cnnscore_arrow_stream_free(void *stream);

/* cdef end */
#endif
