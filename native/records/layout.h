/* layout.h: where the records of an indexed call file lie, as its index tells, and where the file may be cut.
 *
 * A place in the file is a number of bytes: of the compressed block, and of the part of it that lies before.
 * It rises from record to record. */
#ifndef CNNSCORE_LAYOUT_H
#define CNNSCORE_LAYOUT_H

#include "cnnscore.h"

/* cdef begin */

typedef struct cnnscore_layout cnnscore_layout; /* an indexed call file, and its contigs that have records */

/* Of the records of a contig. */
typedef struct {
    int64_t records;   /* -1: the index does not count them */
    double begin, end; /* their places in the file */
} cnnscore_extent;

/* Errors: CNNSCORE_ERR_INPUT for a stream and for a file without an index that is whole. */
int cnnscore_layout_open(const char *path, cnnscore_layout **layout, cnnscore_error *err);
void cnnscore_layout_close(cnnscore_layout *layout);
/* The name of the `i`th contig that has records, in the order of the file; NULL past the last. */
const char *cnnscore_layout_contig(const cnnscore_layout *layout, int32_t i, cnnscore_extent *extent);
/* Bytes of the file per record, among the first ones; 0: it has none. */
int cnnscore_layout_density(cnnscore_layout *layout, double *bytes, cnnscore_error *err);
/* The first position (0-based) of the contig, of a record at `place` or later, which no earlier record's REF
 * reaches; -1: none. `found` is that record's place. */
int cnnscore_layout_cut(cnnscore_layout *layout, int32_t i, double place, int64_t *position, double *found,
                        cnnscore_error *err);

/* cdef end */

#include <htslib/kstring.h>

#include "records.h"

/* What of an indexed file calls that were opened with regions are, as a header line: the regions on contigs
 * that have records, what must lie within, which contig of these is the first, and how many there are. 0, and
 * no line: there are no regions, or they are a long list and no shard. Negative: out of memory. */
int cnnscore_calls_shard_line(const cnnscore_calls *calls, const char *key, kstring_t *line);
#define CNNSCORE_SHARD_LINE "cnnscore_shard"

#endif
