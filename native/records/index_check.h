/* index_check.h: an index is looked at before htslib sees it, which believes what it says. */
#ifndef CNNSCORE_INDEX_CHECK_H
#define CNNSCORE_INDEX_CHECK_H

#include "fail.h"
#include "index_find.h"

/* Check the index (TBI, CSI, BAI or CRAI) of the file `name` before htslib loads it: that its structure is
 * whole, that its offsets lie in the file, that bins name each place once and stand in the order of the file,
 * that no record of calls follows those it knows. Errors: CNNSCORE_ERR_INPUT that names the index and how to
 * make it anew. */
int cnnscore_index_check(const char *name, const char *index, cnnscore_indexed what, cnnscore_error *err);

#endif
