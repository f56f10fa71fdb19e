/* reference.h: an indexed FASTA behind a cache of the part last read. */
#ifndef CNNSCORE_REFERENCE_H
#define CNNSCORE_REFERENCE_H

#include <htslib/faidx.h>
#include <stdbool.h>

#include "fail.h"

typedef struct {
    faidx_t *index;
    char *path;
    /* the cached stretch [begin, end) of `contig`, upper case */
    char *contig, *bases;
    int64_t begin, end;
} cnnscore_reference;

/* The index of a FASTA, by a name as htslib takes it; NULL, and an error. It is looked at before htslib loads
 * it, but where that `is_checked` already. */
faidx_t *cnnscore_reference_index(const char *path, bool is_checked, cnnscore_error *err);
int cnnscore_reference_open(cnnscore_reference *reference, const char *path, bool is_checked,
                            cnnscore_error *err);
void cnnscore_reference_close(cnnscore_reference *reference);
/* Length of a contig, -1 when the FASTA lacks it. */
int64_t cnnscore_reference_length(const cnnscore_reference *reference, const char *contig);
/* Bases [begin, end) of a contig of `length` bases, upper case; positions beyond it are 0. */
int cnnscore_reference_copy(cnnscore_reference *reference, const char *contig, int64_t length, int64_t begin,
                            int64_t end, uint8_t *bases, cnnscore_error *err);
/* A site's REF must be what the FASTA says, where both name a base. */
int cnnscore_reference_check(cnnscore_reference *reference, const char *contig, int64_t contig_length,
                             const cnnscore_window_batch *sites, int32_t site, cnnscore_error *err);
#endif
