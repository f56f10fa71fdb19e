/* encode.h: a window batch -> the uint8 planes a network's graph expands to channels.
 *
 * No htslib, no Python, no allocation that outlives a call. Every length and offset of the
 * batch is checked before use: the bytes may come from another process.
 */
#ifndef CNNSCORE_ENCODE_H
#define CNNSCORE_ENCODE_H

#include "cnnscore.h"

/* cdef begin */

/* Reference codes of both GATK encodings. */
#define CNNSCORE_REF_A 0
#define CNNSCORE_REF_C 1
#define CNNSCORE_REF_G 2
#define CNNSCORE_REF_T 3
#define CNNSCORE_REF_GAP 4  /* '*': an insertion in some read of the pile */
#define CNNSCORE_REF_ANY 5  /* N and the other IUPAC codes: 0.25 each */
#define CNNSCORE_REF_NONE 6 /* beyond the contig, or no IUPAC code: all zero */

/* Read codes: 0-15 are BAM's own 4-bit bases "=ACMGRSVTWYHKDBN". */
#define CNNSCORE_READ_GAP 16
#define CNNSCORE_READ_NONE 17
#define CNNSCORE_READ_SPAN 32 /* bit: channels 10-14 (flags, MAPQ) are filled in this cell */

/* Bits of rows[][0]. */
#define CNNSCORE_ROW_REVERSE 1
#define CNNSCORE_ROW_MATE_REVERSE 2
#define CNNSCORE_ROW_FIRST 4
#define CNNSCORE_ROW_SECOND 8

/* Check a batch that came from outside: counts, offsets, every BAM record's inner lengths.
 * Returns 0 or CNNSCORE_ERR_BATCH with a message that names the site. */
int cnnscore_batch_check(const cnnscore_window_batch *batch, cnnscore_error *err);

/* gatk-reference: reference[n][window] codes of the n sites listed in `order` (indices into
 * the batch). POS stands at column window/2; near a contig's start the sequence is shifted
 * left and runs to min(window, pos + len(REF) + window/2). The batch must hold at least
 * window/2 columns left of POS and `window` columns from POS on. */
int cnnscore_encode_gatk_reference(const cnnscore_window_batch *batch, const int64_t *order, int64_t n,
                                   int32_t window, uint8_t *reference, cnnscore_error *err);

/* gatk-reads: for the n sites of `order`
 *   bases[n][n_rows][window]   read codes, READ_SPAN set where flags and MAPQ are filled
 *   quals[n][n_rows][window]   base qualities, 0 where there is no base
 *   rows[n][n_rows][2]         ROW_* bits, MAPQ
 *   reference[n][window]       reference codes, the pile's insertions opened with REF_GAP
 * A site with more than n_rows reads is CNNSCORE_ERR_BATCH. All cells are written.
 * Rules: docs/encodings.md. */
int cnnscore_encode_gatk_reads(const cnnscore_window_batch *batch, const int64_t *order, int64_t n,
                               int32_t window, int32_t n_rows, uint8_t *bases, uint8_t *quals, uint8_t *rows,
                               uint8_t *reference, cnnscore_error *err);

/* cdef end */
#endif
