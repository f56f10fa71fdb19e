/* batch_view.h: checked access to one site of a window batch that nobody has checked.
 *
 * What is taken on trust: an array is as long as cnnscore.h says, where the last entry of an
 * offset column is the length of what it indexes. Everything else is compared with that
 * before it is used, so an interior offset may say anything.
 */
#ifndef CNNSCORE_BATCH_VIEW_H
#define CNNSCORE_BATCH_VIEW_H

#include <stdbool.h>

#include "bam_record.h"
#include "encode.h"
#include "fail.h"

/* What a caller is going to touch. */
enum { CNNSCORE_VIEW_SITES = 0, CNNSCORE_VIEW_READS = 1 };

typedef struct {
    int64_t index;      /* in the batch */
    int64_t pos;        /* 0-based */
    int64_t ref_length; /* of the REF allele, at least 1 */
    bool is_snp;        /* REF and every ALT one base of ACGTN, or '*': the tools' own notion */
    int64_t first_read; /* with n_reads: 0 unless opened with CNNSCORE_VIEW_READS */
    int64_t n_reads;
} cnnscore_site;

/* Writes "site 3 (chr1:42): ..." to err (which may be NULL) and returns CNNSCORE_ERR_BATCH. */
__attribute__((format(printf, 4, 5))) int cnnscore_site_fail(const cnnscore_window_batch *batch, int64_t site,
                                                             cnnscore_error *err, const char *format, ...);

/* Checks what concerns no single site: counts, missing arrays, lengths of columns. */
int cnnscore_batch_open(const cnnscore_window_batch *batch, int what, cnnscore_error *err);

/* Checks site `index`, which must lie in [0, n_sites), of an opened batch and describes it. */
int cnnscore_site_open(const cnnscore_window_batch *batch, int64_t index, int what, cnnscore_site *site,
                       cnnscore_error *err);

/* Reads record i of [0, site->n_reads). */
int cnnscore_site_read(const cnnscore_window_batch *batch, const cnnscore_site *site, int64_t i,
                       cnnscore_bam_record *record, cnnscore_error *err);

/* Checks the arguments that all encoders share, `order` included, and that an opened batch's reference
 * has window/2 columns before POS and `right` from it on. */
int cnnscore_request_check(const cnnscore_window_batch *batch, const int64_t *order, int64_t n,
                           int32_t window, int32_t right, cnnscore_error *err);

#endif
