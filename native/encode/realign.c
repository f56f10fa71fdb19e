/* realign.c: what a read's bases around a site cost on each haplotype.
 *
 * What else is near, an indel or SNPs of the same molecule, costs the same on all haplotypes and so
 * counts for none. */
#include "realign.h"

#include "int64.h"

#define FLANK CNNSCORE_FLANK
#define INSIDE_MAX 80 /* of a site's bases, where the read has an end among them */
#define MOVES 12      /* how far the read may be shifted by what else is near */
#define PIECE_MAX CNNSCORE_ALIGN_BASES
#define WIDTH_MIN 32
#define WIDTH_MAX CNNSCORE_ALIGN_WIDTH
#define GAP_EXTEND \
    10 /* but for bases that repeat an indel's unit: three units less are no evidence of two less */
#define UNKNOWN 15 /* bits of a base that fits all */

/* A read's bases around the site, and where they lie. */
typedef struct {
    int32_t n;
    bool left_fixed, right_fixed; /* whether its ends stand where the read's own alignment has them, */
    bool from_left;               /* of which the one on this side is the one to lay it out from: */
    int64_t begin_pos, end_pos;   /* where its first and its last base stand */
    int16_t bases[PIECE_MAX];
    int16_t mismatch[PIECE_MAX];
} piece;

/* What of a read is aligned within FLANK of the site, and in the window. Of none the index is -1. */
typedef struct {
    int64_t first, first_pos, last, last_pos;
    int64_t before, before_pos; /* the last one before the site */
    int64_t after, after_pos;   /* the first one after it */
    int64_t n_before, n_after;  /* how many are aligned up to there, and from there on, gaps aside */
    int64_t end;                /* of the read's alignment */
} surroundings;

static surroundings look_around(const cnnscore_bam_record *record, const cnnscore_allele *allele,
                                int64_t left, int64_t right) {
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
static bool take_piece(const cnnscore_realigner *self, const cnnscore_bam_record *record, piece *p) {
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
        p->mismatch[i] = quality < CNNSCORE_MISMATCH_MAX ? quality : CNNSCORE_MISMATCH_MAX;
    }
    return p->n > 0;
}

/* What a gap that has begun costs with base i of a sequence in a lane. */
static inline int16_t extend_at(const cnnscore_lanes *bases, int32_t lane, int32_t i, int32_t unit) {
    bool again = unit > 0 && i >= unit && (bases[i][lane] & bases[i - unit][lane]) != 0;
    return again ? 0 : GAP_EXTEND;
}

/* Bits of the base that an allele's haplotype has `offset` bases from the first changed one on. */
static int16_t haplotype_at(const cnnscore_reference_row *row, const cnnscore_allele *allele,
                            int64_t offset) {
    if (offset >= 0 && offset < allele->alt_length) return cnnscore_base_bits[(uint8_t)allele->alt[offset]];
    int64_t pos = allele->begin + offset;
    if (offset >= 0) pos += allele->ref_length - allele->alt_length;
    return pos < row->begin || pos >= row->end ? 0 : cnnscore_base_bits[row->bases[pos - row->begin]];
}

/* A piece on an allele's haplotype, that of REF where it changes nothing, waits. */
static void add_alignment(cnnscore_realigner *self, const piece *p, const cnnscore_allele *allele,
                          int32_t *cost) {
    cnnscore_alignments *to = &self->alignments;
    int64_t change = allele->alt_length - allele->ref_length, middle = self->width / 2;
    /* On the haplotype, whose positions are REF's up to the allele and shifted behind it. */
    int64_t begin = p->from_left ? p->begin_pos : p->end_pos + change - (p->n - 1);
    int64_t last = p->end_pos + change - (p->n - 1) - begin + middle;
    bool ends_freely = !p->right_fixed || last < 0 || last >= self->width;
    int32_t lane = to->n++;
    to->lane[lane] = (cnnscore_alignment){
        .n = p->n,
        .width = self->width,
        .first = p->left_fixed ? (int32_t)middle : CNNSCORE_ALIGN_ANYWHERE,
        .last = ends_freely ? CNNSCORE_ALIGN_ANYWHERE : (int32_t)last,
        .cost = cost,
    };
    for (int32_t i = 0; i < p->n; i++) {
        to->bases[i][lane] = p->bases[i];
        to->mismatch[i][lane] = p->mismatch[i];
        to->inserted[i][lane] = extend_at(to->bases, lane, i, self->unit);
    }
    for (int32_t i = 0; i < p->n + self->width; i++) {
        int16_t bits = haplotype_at(&self->variant->row, allele, begin - middle + i - allele->begin);
        to->other[i][lane] = bits ? bits : UNKNOWN;
        to->deleted[i][lane] = extend_at(to->other, lane, i, self->unit);
    }
    if (to->n == CNNSCORE_ALIGN_LANES) cnnscore_align(to);
}

void cnnscore_realigner_row(cnnscore_realigner *self, const cnnscore_window_batch *batch,
                            const cnnscore_variant *variant) {
    const cnnscore_allele *allele = &variant->allele;
    int64_t change = allele->alt_length - allele->ref_length, length = change < 0 ? -change : change;
    int64_t shift = allele->repeat_end - allele->repeat_begin - allele->ref_length;
    self->variant = variant;
    self->unit = length > 0 && shift >= length ? (int32_t)length : 0;
    self->width = WIDTH_MIN;
    while (self->width < WIDTH_MAX && self->width / 2 <= MOVES + length) self->width *= 2;
    self->n_rivals = 0;
    for (int64_t number = 1; number <= variant->n_alts && self->n_rivals < CNNSCORE_RIVALS_MAX; number++) {
        cnnscore_allele *rival = &self->rivals[self->n_rivals];
        if (number != variant->number && cnnscore_site_allele(batch, &variant->site, number, rival))
            self->n_rivals++;
    }
}

bool cnnscore_realign(cnnscore_realigner *self, const cnnscore_bam_record *record,
                      cnnscore_haplotype_costs *costs) {
    const cnnscore_allele *alt = &self->variant->allele, ref = {.begin = alt->begin};
    piece p;
    if (!take_piece(self, record, &p)) return false;
    *costs = (cnnscore_haplotype_costs){INT32_MAX, INT32_MAX, INT32_MAX};
    add_alignment(self, &p, &ref, &costs->ref);
    add_alignment(self, &p, alt, &costs->alt);
    for (int32_t i = 0; i < self->n_rivals; i++) add_alignment(self, &p, &self->rivals[i], &costs->rival);
    return true;
}

void cnnscore_realign_finish(cnnscore_realigner *self) {
    if (self->alignments.n > 0) cnnscore_align(&self->alignments);
}
