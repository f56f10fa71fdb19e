/* fasta_check.h: the index of a reference is looked at before htslib sees it. */
#ifndef CNNSCORE_FASTA_CHECK_H
#define CNNSCORE_FASTA_CHECK_H

#include "fail.h"

/* Check the index (.fai) of the FASTA `data`, and where that is bgzipped the .gzi beside it: that their
 * structure is whole and fits the file, block by block and contig by contig. Of remote files the structure
 * alone is looked at. Errors: CNNSCORE_ERR_INPUT that names the index and how to make it anew. */
int cnnscore_fasta_check(const char *data, const char *index, cnnscore_error *err);

#endif
