/* bam_record.h: one BAM record (SAM spec 4.2, without block_size) read from untrusted bytes.
 *
 * The prefix is cnnscore_ and not bam_: htslib lives in the same process.
 */
#ifndef CNNSCORE_BAM_RECORD_H
#define CNNSCORE_BAM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "read_part.h"

enum {
    CNNSCORE_CIGAR_M = 0,
    CNNSCORE_CIGAR_I = 1,
    CNNSCORE_CIGAR_D = 2,
    CNNSCORE_CIGAR_N = 3,
    CNNSCORE_CIGAR_S = 4,
    CNNSCORE_CIGAR_H = 5,
    CNNSCORE_CIGAR_P = 6,
    CNNSCORE_CIGAR_EQUAL = 7,
    CNNSCORE_CIGAR_DIFFERS = 8 /* the last that htsjdk, and GATK with it, knows: B is refused */
};

#define CNNSCORE_FLAG_PAIRED 0x1
#define CNNSCORE_FLAG_PROPER_PAIR 0x2
#define CNNSCORE_FLAG_UNMAPPED 0x4
#define CNNSCORE_FLAG_MATE_UNMAPPED 0x8
#define CNNSCORE_FLAG_REVERSE 0x10
#define CNNSCORE_FLAG_MATE_REVERSE 0x20
#define CNNSCORE_FLAG_FIRST 0x40
#define CNNSCORE_FLAG_SECOND 0x80

/* Fixed part of a record: refID i32, pos i32, l_read_name u8, mapq u8, bin u16,
 * n_cigar_op u16, flag u16, l_seq u32, next_refID i32, next_pos i32, tlen i32. */
#define CNNSCORE_BAM_FIXED_SIZE 32
#define CNNSCORE_BAM_NAME_LENGTH_AT 8
#define CNNSCORE_BAM_TEMPLATE_LENGTH_AT 28

/* Letters of the codes: of 4-bit bases, and of CIGAR operators. */
#define CNNSCORE_READ_LETTERS "=ACMGRSVTWYHKDBN"
#define CNNSCORE_CIGAR_LETTERS "MIDNSHP=X"

/* Pointers go into the record's own bytes; all that they promise has been checked. */
typedef struct {
    const uint8_t *cigar; /* n_cigar little-endian u32, unaligned */
    const uint8_t *seq;   /* (n_held + 1) / 2 bytes, first base in the high nibble */
    const uint8_t *qual;  /* n_held bytes */
    int32_t contig, mate_contig;
    int64_t pos;                  /* 0-based, -1 = none */
    int64_t clip;                 /* soft-clipped bases before the alignment, hard clips skipped over */
    int64_t l_seq;                /* bases of the read: an index of one lies in [0, l_seq) */
    int64_t first, n_held;        /* the bases that the record holds, [first, first + n_held) */
    cnnscore_qualities qualities; /* of a part of a read, whose other qualities are not here */
    uint32_t left_out;            /* insertions and deletions that the CIGAR of a part leaves out */
    bool is_part;
    uint32_t n_cigar;
    uint32_t n_insertions;
    uint32_t n_deletions;
    uint16_t flag;
    uint8_t mapq;
} cnnscore_bam_record;

/* Reads the `size` bytes of a record. Returns NULL, or what is wrong with them in words. */
const char *cnnscore_bam_record_read(cnnscore_bam_record *self, const uint8_t *bytes, int64_t size);

/* Byte by byte, so that neither alignment nor the host's byte order matters; compilers make
 * one load of it. */
static inline uint32_t cnnscore_le32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint32_t cnnscore_cigar_op(uint32_t op) {
    return op & 15;
}

static inline int64_t cnnscore_cigar_length(uint32_t op) {
    return (int64_t)(op >> 4);
}

/* Whether an operator takes bases of the read, or of the reference. */
static inline bool cnnscore_cigar_on_read(uint32_t op) {
    uint32_t kind = cnnscore_cigar_op(op);
    return kind == CNNSCORE_CIGAR_M || kind == CNNSCORE_CIGAR_I || kind == CNNSCORE_CIGAR_S ||
           kind == CNNSCORE_CIGAR_EQUAL || kind == CNNSCORE_CIGAR_DIFFERS;
}

static inline bool cnnscore_cigar_on_reference(uint32_t op) {
    uint32_t kind = cnnscore_cigar_op(op);
    return kind == CNNSCORE_CIGAR_M || kind == CNNSCORE_CIGAR_D || kind == CNNSCORE_CIGAR_N ||
           kind == CNNSCORE_CIGAR_EQUAL || kind == CNNSCORE_CIGAR_DIFFERS;
}

static inline uint32_t cnnscore_bam_cigar(const cnnscore_bam_record *self, uint32_t i) {
    return cnnscore_le32(self->cigar + (size_t)i * 4);
}

/* The 4-bit base at index i; 0, which is no base, where the record does not hold it. */
static inline uint8_t cnnscore_bam_base(const cnnscore_bam_record *self, int64_t i) {
    i -= self->first;
    if (i < 0 || i >= self->n_held) return 0;
    uint8_t pair = self->seq[i / 2];
    return (uint8_t)(i % 2 ? pair & 15 : pair >> 4);
}

/* The quality of the base at index i; 0 where the record does not hold it. */
static inline uint8_t cnnscore_bam_quality(const cnnscore_bam_record *self, int64_t i) {
    i -= self->first;
    return i < 0 || i >= self->n_held ? 0 : self->qual[i];
}

/* Bases [from, from + n) of a record's `seq`, one per byte. */
static inline void cnnscore_bam_bases(const uint8_t *restrict seq, int64_t from, int64_t n,
                                      uint8_t *restrict to) {
    if (n > 0 && from % 2) {
        *to++ = seq[from / 2] & 15;
        from++;
        n--;
    }
    seq += from / 2;
    for (int64_t i = 0; i < n / 2; i++) {
        to[2 * i] = seq[i] >> 4;
        to[2 * i + 1] = seq[i] & 15;
    }
    if (n % 2) to[n - 1] = seq[n / 2] >> 4;
}

#endif
