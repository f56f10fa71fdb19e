/* cnnscore.h: the contract shared by every part that handles sites.
 *
 * A window batch is N candidate sites as flat columns: nothing in it is a pointer to an
 * object, so it crosses C, numpy and a wire without parsing. Coordinates are 0-based,
 * half-open. Strings are bytes, not NUL-terminated, delimited by offset columns.
 *
 * The part between the two cdef markers is read by cffi as it stands: plain C, no
 * preprocessor conditionals.
 */
#ifndef CNNSCORE_H
#define CNNSCORE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cdef begin */

/* Status codes: 0 is success, negative is failure. The Python package maps each to one
 * exception (errors.py) and docs/errors.md lists them. */
#define CNNSCORE_OK 0
#define CNNSCORE_ERR_NOMEM -1    /* out of memory */
#define CNNSCORE_ERR_INPUT -2    /* a file or a record is bad: the message names it and the remedy */
#define CNNSCORE_ERR_USAGE -3    /* the request makes no sense */
#define CNNSCORE_ERR_OUTPUT -4   /* the output cannot be written */
#define CNNSCORE_ERR_BATCH -5    /* a window batch contradicts itself (lengths, offsets, records) */
#define CNNSCORE_ERR_INTERNAL -6 /* a bug in cnnscore */

#define CNNSCORE_MESSAGE_SIZE 2048

/* What went wrong, in words for the user. Filled by the call that failed. */
typedef struct {
    int code;
    char message[2048];
} cnnscore_error;

/* How a score is read off the class probabilities (VariantLabel of GATK's networks). */
#define CNNSCORE_KIND_SNP 0
#define CNNSCORE_KIND_INDEL 1
#define CNNSCORE_KIND_OTHER 2 /* MNP, mixed, none: the larger of both */

/* N sites. Every pointer is borrowed; all arrays are dense and in site order. */
typedef struct {
    uint32_t struct_size;         /* sizeof(cnnscore_window_batch), set by the maker */
    int32_t n_sites;              /* N */
    int32_t n_annotations;        /* A */
    int32_t reference_left;       /* column of POS in `reference` */
    int32_t reference_width;      /* W: columns of `reference` */
    const int32_t *contig;        /* [N] index into contig_offset */
    const int64_t *pos;           /* [N] 0-based position of the first REF base */
    const int64_t *end;           /* [N] exclusive end of the site: INFO/END or pos + len(REF) */
    const uint8_t *kind;          /* [N] CNNSCORE_KIND_* */
    const int64_t *site_allele;   /* [N+1] first allele of each site; REF comes first */
    const int64_t *allele_offset; /* [site_allele[N]+1] byte offsets into `alleles` */
    const char *alleles;          /* allele strings as the VCF has them */
    const float *annotations;     /* [N*A] NaN = missing */
    const uint8_t *reference;     /* [N*W] ASCII, upper case; 0 = beyond the contig */
    const int64_t *site_read;     /* [N+1] first read of each site */
    const int64_t *read_offset;   /* [site_read[N]+1] byte offsets into `reads` */
    const uint8_t *reads;         /* BAM records (SAM spec 4.2) without block_size, tags optional */
    int32_t n_contigs;            /* C */
    const int64_t *contig_length; /* [C] bases, 0 = not known */
    const int64_t *contig_offset; /* [C+1] byte offsets into `contig_names` */
    const char *contig_names;
} cnnscore_window_batch;

/* cdef end */

#ifdef __cplusplus
}
#endif
#endif
