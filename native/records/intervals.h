/* intervals.h: the stretches of contigs that a user asks for, as a list in bcftools' notation or as a
 * file, checked before htslib sees them. Inside 0-based half-open. */
#ifndef CNNSCORE_INTERVALS_H
#define CNNSCORE_INTERVALS_H

#include <htslib/vcf.h>
#include <stdbool.h>
#include <stddef.h>

#include "fail.h"
#include "index_check.h"

typedef struct cnnscore_intervals cnnscore_intervals;

/* Contigs that are known beside those of a call file: a reference's, by its .fai; NULL: none. */
typedef struct cnnscore_contigs cnnscore_contigs;
cnnscore_contigs *cnnscore_contigs_open(const char *reference);
void cnnscore_contigs_close(cnnscore_contigs *contigs);

/* Parse `text`, a list or the name of a file, with or without a leading `^` where `may_exclude`. `what` is
 * what messages call it ("regions", "targets"); `header` (may be NULL) and `reference` tell contigs' names,
 * as these may hold colons. Errors: CNNSCORE_ERR_USAGE for a list, CNNSCORE_ERR_INPUT for a file, with its
 * line. */
int cnnscore_intervals_parse(const char *text, bool is_file, bool may_exclude, const char *what,
                             const bcf_hdr_t *header, const cnnscore_contigs *reference,
                             cnnscore_intervals **out, cnnscore_error *err);
void cnnscore_intervals_free(cnnscore_intervals *intervals);

/* Errors: CNNSCORE_ERR_INPUT for a contig that neither the call file nor the reference knows. Where neither
 * of them names any, none is unknown. Call files that name no contigs in their header may do so in their
 * index: `names` [n_names], or NULL. */
int cnnscore_intervals_check(cnnscore_intervals *intervals, const bcf_hdr_t *header, const char *calls,
                             const char *const *names, int n_names, const cnnscore_contigs *reference,
                             cnnscore_error *err);

/* What a user should know of them once they are checked: contigs that the reference alone knows. NULL:
 * nothing. */
const char *cnnscore_intervals_note(const cnnscore_intervals *intervals);

/* The `i`th stretch, 0-based half-open, in the order in which contigs were named; NULL past the last. `end`
 * is CNNSCORE_CONTIG_END where it has none. */
#define CNNSCORE_CONTIG_END ((1LL << 44) - 2)
const char *cnnscore_intervals_item(const cnnscore_intervals *intervals, size_t i, int64_t *begin,
                                    int64_t *end);

/* The name of a file of lines CONTIG, BEGIN, END, 1-based and closed, sorted within a contig, which htslib
 * reads as they stand; with the `^` of targets that exclude. Whole contigs end where `indexed` (NULL: nobody)
 * knows of no more records: htslib asks an index for each bin up to the end. `header` is of the calls. Valid
 * until the list is freed. NULL: it cannot be made. */
const char *cnnscore_intervals_file(cnnscore_intervals *intervals, const cnnscore_indexed_contigs *indexed,
                                    const bcf_hdr_t *header);

#endif
