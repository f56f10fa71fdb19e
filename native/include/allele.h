/* allele.h: one ALT allele against REF: what it changes, and where else that could be written.
 *
 * Shared by the stage that chooses reads (native/window) and the one that looks at them
 * (native/encode), so that both mean the same stretch of the reference.
 */
#ifndef CNNSCORE_ALLELE_H
#define CNNSCORE_ALLELE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An indel is shifted no further than this, each way. */
#define CNNSCORE_SHIFT_MAX 128
/* Reads are chosen over no more than this much of a site, from POS on. */
#define CNNSCORE_SPAN_MAX 128
/* Bases of a read at each side of a site that are aligned to its haplotypes anew. */
#define CNNSCORE_FLANK 24

/* Columns of the reference around a site: bases[0] stands at contig position `begin`. */
typedef struct {
    const uint8_t *bases;
    int64_t begin, end;
} cnnscore_reference_row;

typedef struct {
    int64_t begin;      /* position of the first changed base; an insertion stands before it */
    int64_t ref_length; /* bases of REF that are replaced, after trimming */
    int64_t alt_length; /* bases that replace them */
    const char *ref, *alt;
    int64_t repeat_begin, repeat_end; /* of an indel: all loci it could stand at; else the changed bases */
} cnnscore_allele;

/* A, C, G or T at a position; 0 where the row has no such base. */
static inline uint8_t cnnscore_row_base(const cnnscore_reference_row *row, int64_t pos) {
    if (pos < row->begin || pos >= row->end) return 0;
    uint8_t base = row->bases[pos - row->begin] & 0xDF; /* upper case */
    return base == 'A' || base == 'C' || base == 'G' || base == 'T' ? base : 0;
}

static inline bool cnnscore_is_base(char letter) {
    char base = (char)(letter & 0xDF);
    return base == 'A' || base == 'C' || base == 'G' || base == 'T' || base == 'N';
}

/* Trim what REF and ALT share, the end first. False when there is nothing to score: ALT is empty, no
 * sequence of ACGTN ('*', symbolic, a breakend), or equals REF. */
static inline bool cnnscore_allele_trim(cnnscore_allele *self, int64_t pos, const char *ref,
                                        int64_t ref_length, const char *alt, int64_t alt_length) {
    if (ref_length < 1 || alt_length < 1) return false;
    for (int64_t i = 0; i < alt_length; i++)
        if (!cnnscore_is_base(alt[i])) return false;
    while (ref_length > 0 && alt_length > 0 && (ref[ref_length - 1] & 0xDF) == (alt[alt_length - 1] & 0xDF)) {
        ref_length--;
        alt_length--;
    }
    int64_t same = 0;
    while (same < ref_length && same < alt_length && (ref[same] & 0xDF) == (alt[same] & 0xDF)) same++;
    *self = (cnnscore_allele){
        .begin = pos + same,
        .ref_length = ref_length - same,
        .alt_length = alt_length - same,
        .ref = ref + same,
        .alt = alt + same,
    };
    self->repeat_begin = self->begin;
    self->repeat_end = self->begin + self->ref_length;
    return self->ref_length > 0 || self->alt_length > 0;
}

static inline bool cnnscore_allele_is_indel(const cnnscore_allele *self) {
    return (self->ref_length == 0) != (self->alt_length == 0);
}

/* Find the repeat of an indel: it can be written one base further right where the base that it passes
 * equals the first one of what is inserted or deleted, rotated by the bases passed; left likewise. */
static inline void cnnscore_allele_find_repeat(cnnscore_allele *self, const cnnscore_reference_row *row) {
    if (!cnnscore_allele_is_indel(self)) return;
    int64_t n = self->ref_length + self->alt_length, right = 0, left = 0;
    for (; right < CNNSCORE_SHIFT_MAX; right++) {
        uint8_t passed = cnnscore_row_base(row, self->begin + self->ref_length + right);
        uint8_t first = self->alt_length ? (uint8_t)(self->alt[right % n] & 0xDF)
                                         : cnnscore_row_base(row, self->begin + right);
        if (passed == 0 || passed != first) break;
    }
    for (; left < CNNSCORE_SHIFT_MAX; left++) {
        uint8_t passed = cnnscore_row_base(row, self->begin - 1 - left);
        uint8_t last = self->alt_length ? (uint8_t)(self->alt[n - 1 - left % n] & 0xDF)
                                        : cnnscore_row_base(row, self->begin + n - 1 - left);
        if (passed == 0 || passed != last) break;
    }
    self->repeat_begin = self->begin - left;
    self->repeat_end = self->begin + self->ref_length + right;
}

#endif
