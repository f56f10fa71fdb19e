/* encode.h: a window batch -> the planes a network takes.
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
#define CNNSCORE_REF_GAP 4  /* '*': an insertion in some read of the pileup */
#define CNNSCORE_REF_ANY 5  /* N and the other IUPAC codes: 0.25 each */
#define CNNSCORE_REF_NONE 6 /* beyond the contig, or no IUPAC code: all zero */

/* Read codes: 0-15 are BAM's own 4-bit bases (cnnscore_read_letters). */
#define CNNSCORE_READ_GAP 16
#define CNNSCORE_READ_NONE 17
#define CNNSCORE_READ_SPAN 32 /* bit: channels 10-14 (flags, MAPQ) are filled in this cell */

/* Bits of rows[][0]. */
#define CNNSCORE_ROW_REVERSE 1
#define CNNSCORE_ROW_MATE_REVERSE 2
#define CNNSCORE_ROW_FIRST 4
#define CNNSCORE_ROW_SECOND 8

/* A read as its record tells it. Pointers go into the record. */
typedef struct {
    const char *name;     /* [name_length], without a NUL */
    const uint8_t *cigar; /* [n_cigar] little-endian u32, unaligned: length << 4 | operator */
    const uint8_t *seq;   /* 4-bit bases */
    int64_t pos;          /* 0-based */
    int64_t n_bases;
    int32_t name_length, template_length;
    uint32_t n_cigar;
    uint16_t flag;
    uint8_t mapq;
} cnnscore_read_fields;
/* Read the `size` bytes of a BAM record (without block_size). Errors: BATCH. */
int cnnscore_read_fields_of(const uint8_t *record, int64_t size, cnnscore_read_fields *fields,
                            cnnscore_error *err);
/* Its bases as letters[n_bases]. */
void cnnscore_read_bases(const cnnscore_read_fields *fields, uint8_t *letters);
/* Letters of the codes 0-15 of bases, and of CIGAR operators. */
const char *cnnscore_read_letters(void);
const char *cnnscore_cigar_letters(void);

/* Check a batch that came from outside: counts, offsets, every BAM record's inner lengths.
 * Returns 0 or CNNSCORE_ERR_BATCH with a message that names the site. */
int cnnscore_batch_check(const cnnscore_window_batch *batch, cnnscore_error *err);

/* Whether a record of a batch that was checked holds a part of its read alone (docs/reference/protocol.md),
 * into *any. Errors: BATCH. */
int cnnscore_batch_has_parts(const cnnscore_window_batch *batch, int32_t *any, cnnscore_error *err);

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
 *   reference[n][window]       reference codes, the pileup's insertions opened with REF_GAP
 * A site with more than n_rows reads is CNNSCORE_ERR_BATCH. All cells are written.
 * Rules: docs/reference/encodings.md. */
int cnnscore_encode_gatk_reads(const cnnscore_window_batch *batch, const int64_t *order, int64_t n,
                               int32_t window, int32_t n_rows, uint8_t *bases, uint8_t *quals, uint8_t *rows,
                               uint8_t *reference, cnnscore_error *err);

/* ---- our own encodings: rows are ALT alleles of sites ---- */

#define CNNSCORE_READ_SCALARS 21     /* F */
#define CNNSCORE_VARIANT_FEATURES 18 /* V */

/* Annotations that can be worked out from reads: codes of columns, by name; OTHER is none of them. */
#define CNNSCORE_ANNOTATION_OTHER 0
#define CNNSCORE_ANNOTATION_MQ 1
#define CNNSCORE_ANNOTATION_DP 2
#define CNNSCORE_ANNOTATION_FS 3
#define CNNSCORE_ANNOTATION_SOR 4
#define CNNSCORE_ANNOTATION_MQ_RANK_SUM 5
#define CNNSCORE_ANNOTATION_READ_POS_RANK_SUM 6
#define CNNSCORE_ANNOTATION_BASE_Q_RANK_SUM 7
#define CNNSCORE_ANNOTATION_QD 8
#define CNNSCORE_ANNOTATION_RO 9              /* reads that support REF */
#define CNNSCORE_ANNOTATION_AO 10             /* reads that support an ALT */
#define CNNSCORE_ANNOTATION_AB 11             /* AO / (RO + AO) */
#define CNNSCORE_ANNOTATION_RELATIVE_DEPTH 12 /* site_depth / sample_depth */

/* What to encode: row i is ALT allele alleles[i] (1 is the first) of site sites[i]. A window of `window`
 * columns begins window/2 before POS. */
typedef struct {
    const int64_t *sites, *alleles; /* [n] */
    int64_t n;
    int32_t window;
    int32_t n_reads;                 /* read-set: R, most reads per row */
    int32_t realign;                 /* read-set-2: reads that fit neither allele are aligned to both */
    int32_t annotations_from;        /* read-set: CNNSCORE_ANNOTATIONS_* */
    const int32_t *annotation_codes; /* read-set: [A] CNNSCORE_ANNOTATION_* */
} cnnscore_rows;

/* List the ALT alleles that can be scored, sequences of ACGTN that differ from REF, in site order.
 * `sites` and `alleles` have room for site_allele[N] numbers. */
int cnnscore_batch_alleles(const cnnscore_window_batch *batch, int64_t *sites, int64_t *alleles, int64_t *n,
                           cnnscore_error *err);

/* read-set: reads[n][R][F], mask[n][R] (1 where there is a read), variant[n][V], annotations[n][A] (NaN =
 * missing). Reads of a row come in an order of their content, so that the batch's does not matter. All
 * cells are written. A site with more than R reads, or an allele that cannot be scored, is
 * CNNSCORE_ERR_BATCH. Rules: docs/reference/encodings.md. */
int cnnscore_encode_read_set(const cnnscore_window_batch *batch, const cnnscore_rows *rows, float *reads,
                             float *mask, float *variant, float *annotations, cnnscore_error *err);

/* reference: reference[n][window] and alternate[n][window], CNNSCORE_REF_* codes of the two haplotypes,
 * variant[n][V]. */
int cnnscore_encode_reference(const cnnscore_window_batch *batch, const cnnscore_rows *rows,
                              uint8_t *reference, uint8_t *alternate, float *variant, cnnscore_error *err);

/* cdef end */
#endif
