/* index_check.h: an index is looked at before htslib sees it, which believes what it says. */
#ifndef CNNSCORE_INDEX_CHECK_H
#define CNNSCORE_INDEX_CHECK_H

#include "fail.h"

/* What an indexed file is: which names its index may have, in the order in which htslib looks. */
typedef enum { CNNSCORE_INDEXED_CALLS, CNNSCORE_INDEXED_BAM, CNNSCORE_INDEXED_CRAM } cnnscore_indexed;

/* The index that htslib would open: its own search, whose function is not public everywhere. To be freed;
 * NULL: none. */
char *cnnscore_index_find(const char *path, cnnscore_indexed what);

/* Check the index (TBI, CSI, BAI or CRAI) that htslib will load for `path`; where there is none, htslib says
 * so. What is checked: that its structure is whole, that its offsets lie in the file, that bins name each
 * place once and stand in the order of the file. Errors: CNNSCORE_ERR_INPUT that names the index and how to
 * make it anew. */
int cnnscore_index_check(const char *path, cnnscore_indexed what, cnnscore_error *err);

#endif
