/* realign.c: what a read's bases around a site cost on each haplotype, by banded alignment.
 *
 * What else is near, an indel or SNPs of the same molecule, costs the same on all haplotypes and so
 * counts for none. */
#include "realign.h"

#include <string.h>

#include "int64.h"

#define FLANK CNNSCORE_FLANK
#define INSIDE_MAX 80   /* of a site's bases, where the read has an end among them */
#define MOVES 12        /* how far the read may be shifted by what else is near */
#define PIECE_MAX 320   /* bases of the read in all */
#define GAP_OPEN 40     /* phred, of a gap's first base, */
#define GAP_EXTEND 10   /* and of each further one, but for those that repeat an indel's unit: three units less
                         * are no evidence of two less */
#define MISMATCH_MAX 40 /* of a base of any quality: two gaps are never cheaper */
#define UNKNOWN 15      /* bits of a base that fits all */

/* Places that a base can take on a haplotype: those of a band around where it stands without gaps, as wide as
 * vectors are. */
#define WIDTH_MIN 32
#define WIDTH_MAX 128
/* PIECE_MAX mismatches beyond this, and a gap of WIDTH_MAX, fit into 16 bits. */
#define UNREACHED (INT16_MAX / 2)
#define ANYWHERE (-1)

/* A read's bases around the site, and where they lie. */
typedef struct {
    int32_t n, width;
    int32_t unit;                 /* bases of an indel that can be shifted by as many, or 0 */
    bool left_fixed, right_fixed; /* whether its ends stand where the read's own alignment has them, */
    bool from_left;               /* of which the one on this side is the one to lay it out from: */
    int64_t begin_pos, end_pos;   /* where its first and its last base stand */
    int16_t bases[PIECE_MAX];
    int16_t cost[PIECE_MAX];   /* of a mismatch */
    int16_t extend[PIECE_MAX]; /* of a gap that goes on with this base */
} piece;

/* An allele's sequence where the piece may lie. */
typedef struct {
    int16_t bases[PIECE_MAX + WIDTH_MAX];
    int16_t extended[PIECE_MAX + WIDTH_MAX + 1]; /* cost of a gap that goes on from the first base to before this */
} haplotype;

/* What of a read is aligned within FLANK of the site, and in the window. Of none the index is -1. */
typedef struct {
    int64_t first, first_pos, last, last_pos;
    int64_t before, before_pos; /* the last one before the site */
    int64_t after, after_pos;   /* the first one after it */
    int64_t n_before, n_after;  /* how many are aligned up to there, and from there on, gaps aside */
    int64_t end;                /* of the read's alignment */
} surroundings;

void cnnscore_haplotypes_of(cnnscore_haplotypes *self, const cnnscore_window_batch *batch,
                            const cnnscore_variant *variant) {
    self->variant = variant;
    self->n_rivals = 0;
    for (int64_t number = 1; number <= variant->n_alts && self->n_rivals < CNNSCORE_RIVALS_MAX; number++) {
        cnnscore_allele *rival = &self->rivals[self->n_rivals];
        if (number == variant->number || !cnnscore_site_allele(batch, &variant->site, number, rival))
            continue;
        self->n_rivals++;
    }
}

static surroundings look_around(const cnnscore_bam_record *record, const cnnscore_allele *allele, int64_t left,
                                int64_t right) {
    surroundings a = {.first = -1, .last = -1, .before = -1, .after = -1};
    int64_t pos = record->pos, index = 0, clip_left = 0, clip_right = 0;
    bool aligned = false;
    for (uint32_t i = 0; i < record->n_cigar; i++) {
        uint32_t op = cnnscore_bam_cigar(record, i);
        int64_t length = cnnscore_cigar_length(op);
        bool on_reference = cnnscore_cigar_on_reference(op);
        int64_t n = cnnscore_cigar_on_read(op) ? min64(length, record->l_seq - index) : 0;
        int64_t from = max64(pos, left), to = min64(pos + n, right) - 1;
        if (on_reference && from <= to) {
            if (a.first < 0) {
                a.first = index + (from - pos);
                a.first_pos = from;
            }
            a.last = index + (to - pos);
            a.last_pos = to;
            if (from < allele->repeat_begin) {
                a.before_pos = min64(to, allele->repeat_begin - 1);
                a.before = index + (a.before_pos - pos);
            }
            if (to >= allele->repeat_end && a.after < 0) {
                a.after_pos = max64(from, allele->repeat_end);
                a.after = index + (a.after_pos - pos);
            }
        }
        aligned |= on_reference && cnnscore_cigar_on_read(op);
        if (cnnscore_cigar_op(op) == CNNSCORE_CIGAR_S) *(aligned ? &clip_right : &clip_left) += n;
        index += n;
        pos += on_reference ? length : 0;
    }
    a.n_before = a.before - clip_left;
    a.n_after = record->l_seq - 1 - clip_right - a.after;
    a.end = pos;
    return a;
}

/* The piece reaches FLANK bases beyond the site, where the read's own alignment is believed. Where that ends
 * before, so does the piece, freely, after what there is of a clip: as far as the nearest aligned base places
 * it. */
static bool take_piece(const cnnscore_haplotypes *self, const cnnscore_bam_record *record, piece *p) {
    const cnnscore_allele *allele = &self->variant->allele;
    const cnnscore_reference_row *row = &self->variant->row;
    int64_t left = max64(allele->repeat_begin - FLANK, row->begin);
    int64_t right = min64(allele->repeat_end + FLANK, row->end);
    surroundings a = look_around(record, allele, left, right);
    if (a.before < 0 && a.after < 0) return false;
    int64_t inside = min64(allele->repeat_end - allele->repeat_begin + allele->alt_length, INSIDE_MAX);
    int64_t before = a.before + (allele->repeat_begin - a.before_pos); /* index of the site's first base, */
    int64_t after = a.after - (a.after_pos - allele->repeat_end);      /* and of the one after it */
    int64_t begin = a.first, end = a.last + 1;
    p->left_fixed = a.before >= 0 && record->pos <= left;
    p->right_fixed = a.after >= 0 && a.end >= right;
    p->begin_pos = a.first_pos;
    p->end_pos = a.last_pos;
    if (!p->left_fixed) {
        int64_t site = a.before >= 0 ? before : after - inside;
        begin = max64(0, site - (allele->repeat_begin - left));
    }
    if (!p->right_fixed) {
        int64_t site = a.after >= 0 ? after : before + inside;
        end = min64(record->l_seq, site + (right - allele->repeat_end));
    }
    bool hangs_left = a.after < 0 || (a.before >= 0 && a.n_before >= a.n_after);
    p->from_left = p->left_fixed || (!p->right_fixed && hangs_left);
    if (!p->left_fixed && p->from_left) p->begin_pos = a.before_pos - (a.before - begin);
    if (!p->right_fixed && !p->from_left) p->end_pos = a.after_pos + (end - 1 - a.after);
    if (end - begin > PIECE_MAX && p->from_left) {
        end = begin + PIECE_MAX;
        p->right_fixed = false;
    } else if (end - begin > PIECE_MAX) {
        begin = end - PIECE_MAX;
    }
    p->n = (int32_t)(end - begin);
    for (int32_t i = 0; i < p->n; i++) {
        uint8_t base = cnnscore_bam_base(record, begin + i);
        uint8_t quality = cnnscore_bam_quality(record, begin + i);
        p->bases[i] = base ? base : UNKNOWN;
        p->cost[i] = quality < MISMATCH_MAX ? quality : MISMATCH_MAX;
    }
    return p->n > 0;
}

/* What a gap that has begun costs with base i of a sequence. */
static inline int16_t extend_at(const int16_t *bases, int32_t i, int32_t unit) {
    bool again = unit > 0 && i >= unit && (bases[i] & bases[i - unit]) != 0;
    return again ? 0 : GAP_EXTEND;
}

static void choose_costs(const cnnscore_allele *allele, piece *p) {
    int64_t change = allele->alt_length - allele->ref_length, length = change < 0 ? -change : change;
    int64_t shift = allele->repeat_end - allele->repeat_begin - allele->ref_length;
    p->unit = length > 0 && shift >= length ? (int32_t)length : 0;
    for (int32_t i = 0; i < p->n; i++) p->extend[i] = extend_at(p->bases, i, p->unit);
    p->width = WIDTH_MIN;
    while (p->width < WIDTH_MAX && p->width / 2 <= MOVES + length) p->width *= 2;
}

/* Cells of a row, between some that are never reached. */
enum { BESIDE = WIDTH_MAX / 2, CELLS = BESIDE + WIDTH_MAX + 1 };

static inline int16_t least_of(int16_t a, int16_t b) {
    return a < b ? a : b;
}

/* The least cost of the whole piece on a haplotype. Cell b of row i: base i of the piece stands at base
 * i + b of the haplotype. An end that is not free stands at cell `first`, or `last`. No loop over cells has an
 * order, so that the compiler makes vectors of them. */
static inline int32_t align(const piece *p, const haplotype *h, int64_t first, int64_t last,
                            const int32_t width) {
    int16_t any[CELLS], undeleted[CELLS], deletion[CELLS], further[CELLS], insertion[CELLS];
    for (int32_t b = 0; b < CELLS; b++)
        any[b] = undeleted[b] = deletion[b] = further[b] = insertion[b] = UNREACHED;
    for (int32_t b = 0; b < width; b++)
        if (first == ANYWHERE || b == first) any[BESIDE + b] = 0;
    for (int32_t i = 0; i < p->n; i++) {
        const int16_t *along = h->bases + i, *extended = h->extended + i;
        const int16_t base = p->bases[i], cost = p->cost[i], extend = p->extend[i];
        for (int32_t b = 0; b < width; b++) {
            int16_t inserted = least_of((int16_t)(any[BESIDE + b + 1] + GAP_OPEN),
                                        (int16_t)(insertion[BESIDE + b + 1] + extend));
            int16_t aligned = (int16_t)(any[BESIDE + b] + ((base & along[b]) == 0 ? cost : 0));
            insertion[BESIDE + b] = inserted;
            undeleted[BESIDE + b] = least_of(aligned, inserted);
        }
        /* A deletion that ends at b begins at any place before it: as far again with each turn. */
        for (int32_t b = 0; b < width; b++)
            deletion[BESIDE + b] = (int16_t)(undeleted[BESIDE + b] - extended[b + 2]);
        for (int32_t reach = 1; reach < width; reach *= 2) {
            for (int32_t b = BESIDE; b < BESIDE + width; b++)
                further[b] = least_of(deletion[b], deletion[b - reach]);
            memcpy(deletion + BESIDE, further + BESIDE, (size_t)width * sizeof *deletion);
        }
        for (int32_t b = 0; b < width; b++)
            any[BESIDE + b] = least_of(undeleted[BESIDE + b],
                                       (int16_t)(deletion[BESIDE + b - 1] + GAP_OPEN + extended[b + 1]));
    }
    if (last != ANYWHERE) return any[BESIDE + last];
    int16_t least = any[BESIDE];
    for (int32_t b = BESIDE; b < BESIDE + width; b++) least = least_of(least, any[b]);
    return least;
}

/* Bits of a haplotype's bases [from, from + n), counted from an allele's first changed one; REF's where
 * `allele` has as much as it replaces. */
static void lay_out(const cnnscore_haplotypes *self, const cnnscore_allele *allele, int64_t from, int32_t n,
                    int32_t unit, haplotype *to) {
    const cnnscore_reference_row *row = &self->variant->row;
    for (int32_t i = 0; i < n; i++) {
        int64_t offset = from + i, pos = allele->begin + offset;
        bool changed = offset >= 0 && offset < allele->alt_length;
        if (offset >= allele->alt_length) pos += allele->ref_length - allele->alt_length;
        uint8_t base = changed                                ? (uint8_t)allele->alt[offset]
                       : pos < row->begin || pos >= row->end ? 0
                                                              : row->bases[pos - row->begin];
        int16_t bits = cnnscore_base_bits[base];
        to->bases[i] = bits ? bits : UNKNOWN;
    }
    to->extended[0] = 0;
    for (int32_t i = 0; i < n; i++)
        to->extended[i + 1] = (int16_t)(to->extended[i] + extend_at(to->bases, i, unit));
}

/* The cost on an allele's haplotype. */
static int32_t cost_on(const cnnscore_haplotypes *self, const piece *p, const cnnscore_allele *allele) {
    int64_t change = allele->alt_length - allele->ref_length, middle = p->width / 2;
    /* On the haplotype, whose positions are REF's up to the allele and shifted behind it. */
    int64_t begin = p->from_left ? p->begin_pos : p->end_pos + change - (p->n - 1);
    int64_t first = p->left_fixed ? middle : ANYWHERE;
    int64_t last = p->end_pos + change - (p->n - 1) - begin + middle;
    if (!p->right_fixed || last < 0 || last >= p->width) last = ANYWHERE;
    haplotype h;
    lay_out(self, allele, begin - middle - allele->begin, p->n + p->width, p->unit, &h);
    if (p->width == WIDTH_MIN) return align(p, &h, first, last, WIDTH_MIN);
    if (p->width < WIDTH_MAX) return align(p, &h, first, last, 2 * WIDTH_MIN);
    return align(p, &h, first, last, WIDTH_MAX);
}

bool cnnscore_realign(const cnnscore_haplotypes *self, const cnnscore_bam_record *record,
                      cnnscore_realigned *found) {
    const cnnscore_allele *allele = &self->variant->allele;
    piece p;
    if (!take_piece(self, record, &p)) return false;
    choose_costs(allele, &p);
    const cnnscore_allele reference = {.begin = allele->begin};
    int32_t ref = cost_on(self, &p, &reference), alt = cost_on(self, &p, allele);
    int32_t best = ref < alt ? ref : alt;
    *found = (cnnscore_realigned){.ratio = ref - alt};
    for (int32_t i = 0; i < self->n_rivals && !found->rival; i++)
        found->rival = cost_on(self, &p, &self->rivals[i]) < best;
    return true;
}
