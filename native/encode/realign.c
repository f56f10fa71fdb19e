/* realign.c: what a read's bases around a site cost on each haplotype, by banded alignment.
 *
 * What else is near, an indel or SNPs of the same molecule, costs the same on all haplotypes and so
 * counts for none. */
#include "realign.h"

#include "int64.h"

#define FLANK 24        /* bases of the read at each side of the site */
#define BAND 12         /* how far the read may be shifted by what else is near */
#define BAND_MAX 48     /* the same with what the allele itself shifts */
#define PIECE_MAX 320   /* bases of the read in all */
#define GAP_OPEN 40     /* phred, of a gap's first base, */
#define GAP_EXTEND 10   /* and of each further one; */
#define UNITS_EXTEND 1  /* in a repeat: three units less are no evidence of two less */
#define MISMATCH_MAX 40 /* of a base of any quality: two gaps are never cheaper */

/* A read's bases around the site, and where they lie. */
typedef struct {
    int32_t n, band;
    int16_t extend;                    /* what a gap's further bases cost */
    bool left_fixed, right_fixed;      /* whether its ends stand where the read's own alignment has them, */
    bool from_left;                    /* of which the one on this side is the one to lay it out from: */
    int64_t begin, begin_pos, end_pos; /* its first base, where that one and the last stand */
    uint8_t bases[PIECE_MAX];
    int16_t cost[PIECE_MAX]; /* of a mismatch */
} piece;

/* PIECE_MAX * MISMATCH_MAX and a few gaps fit into 16 bits. */
#define UNREACHED (INT16_MAX / 2)
#define ANYWHERE (-1)
typedef struct {
    int16_t any[2 * BAND_MAX + 2], insertion[2 * BAND_MAX + 2];
} cells;

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

static uint8_t reference_at(const cnnscore_reference_row *row, int64_t pos) {
    return pos < row->begin || pos >= row->end ? 0 : cnnscore_base_bits[row->bases[pos - row->begin]];
}

/* Bits of an allele's haplotype, `offset` bases from its first changed one on. */
static uint8_t haplotype_at(const cnnscore_reference_row *row, const cnnscore_allele *allele,
                            int64_t offset) {
    if (offset < 0) return reference_at(row, allele->begin + offset);
    if (offset < allele->alt_length) return cnnscore_base_bits[(uint8_t)allele->alt[offset]];
    return reference_at(row, allele->begin + allele->ref_length + (offset - allele->alt_length));
}

/* The ends of the piece where the read is aligned FLANK bases beyond the site: its alignment is believed
 * there. Else what there is, clips included, ends freely. */
static bool find_ends(const cnnscore_haplotypes *self, const cnnscore_bam_record *record,
                      const cnnscore_around *around, piece *p, int64_t *end) {
    const cnnscore_allele *allele = &self->variant->allele;
    const cnnscore_reference_row *row = &self->variant->row;
    int64_t inside = allele->repeat_end - allele->repeat_begin + allele->alt_length;
    int64_t left = max64(allele->repeat_begin - FLANK, row->begin), left_index = -1;
    int64_t right = min64(allele->repeat_end + FLANK, row->end) - 1, right_index = -1;
    int64_t pos = record->pos, index = 0;
    for (uint32_t i = 0; i < record->n_cigar && pos <= right; i++) {
        uint32_t op = cnnscore_bam_cigar(record, i);
        int64_t length = cnnscore_cigar_length(op);
        bool on_read = cnnscore_cigar_on_read(op), on_reference = cnnscore_cigar_on_reference(op);
        int64_t n = on_read ? min64(length, record->l_seq - index) : 0;
        if (on_read && on_reference && n > 0) {
            if (left_index < 0 && pos + n > left) {
                p->begin_pos = max64(pos, left);
                left_index = index + (p->begin_pos - pos);
            }
            p->end_pos = min64(pos + n - 1, right);
            right_index = index + (p->end_pos - pos);
        }
        index += n;
        pos += on_reference ? length : 0;
    }
    p->left_fixed = record->pos <= left && left_index >= 0 && p->begin_pos < allele->repeat_begin;
    p->right_fixed = pos > right && right_index >= 0 && p->end_pos >= allele->repeat_end;
    p->begin = left_index;
    *end = right_index + 1;
    /* Free ends: as far as the nearest aligned bases place them, in the window. */
    int64_t before = around->before + (allele->repeat_begin - around->before_pos);
    int64_t after = around->after - (around->after_pos - allele->repeat_end);
    if (!p->left_fixed) {
        int64_t site = around->before >= 0 ? before : after - inside;
        p->begin = max64(max64(0, site - FLANK), site - (allele->repeat_begin - row->begin));
    }
    if (!p->right_fixed) {
        int64_t site = around->after >= 0 ? after : before + inside;
        *end = min64(min64(record->l_seq, site + FLANK), site + (row->end - allele->repeat_end));
    }
    p->from_left = p->left_fixed || (!p->right_fixed && around->hangs_left);
    if (!p->left_fixed && p->from_left) p->begin_pos = around->before_pos - (around->before - p->begin);
    if (!p->right_fixed && !p->from_left) p->end_pos = around->after_pos + (*end - 1 - around->after);
    return p->begin < *end;
}

static bool take_piece(const cnnscore_haplotypes *self, const cnnscore_bam_record *record,
                       const cnnscore_around *around, piece *p) {
    const cnnscore_allele *allele = &self->variant->allele;
    int64_t end;
    if (!find_ends(self, record, around, p, &end)) return false;
    if (end - p->begin > PIECE_MAX && p->from_left) {
        end = p->begin + PIECE_MAX;
        p->right_fixed = false;
    } else if (end - p->begin > PIECE_MAX) {
        p->begin = end - PIECE_MAX;
    }
    int64_t change = allele->alt_length - allele->ref_length, length = change < 0 ? -change : change;
    int64_t shift = allele->repeat_end - allele->repeat_begin - allele->ref_length;
    p->n = (int32_t)(end - p->begin);
    p->band = (int32_t)min64(BAND_MAX, BAND + length);
    p->extend = length > 0 && shift >= length ? UNITS_EXTEND : GAP_EXTEND;
    for (int32_t i = 0; i < p->n; i++) {
        p->bases[i] = cnnscore_bam_base(record, p->begin + i);
        uint8_t quality = cnnscore_bam_quality(record, p->begin + i);
        p->cost[i] = quality < MISMATCH_MAX ? quality : MISMATCH_MAX;
    }
    return true;
}

/* The least cost of the whole piece on a haplotype. Cell b of row i: base i of the piece stands at base
 * i + b of the haplotype. An end that is not free stands at cell `first`, or `last`. */
static int32_t align(const piece *p, const uint8_t *haplotype, int64_t first, int64_t last) {
    cells self;
    int32_t width = 2 * p->band + 1;
    for (int32_t b = 0; b <= width; b++) {
        self.any[b] = first == ANYWHERE || b == first ? 0 : UNREACHED;
        self.insertion[b] = UNREACHED;
    }
    self.any[width] = UNREACHED; /* beyond the band */
    for (int32_t i = 0; i < p->n; i++) {
        const uint8_t *restrict along = haplotype + i;
        uint8_t base = p->bases[i];
        int16_t cost = p->cost[i];
        for (int32_t b = 0; b < width; b++) {
            int16_t opened = (int16_t)(self.any[b + 1] + GAP_OPEN);
            int16_t extended = (int16_t)(self.insertion[b + 1] + p->extend);
            int16_t inserted = opened < extended ? opened : extended;
            bool differs = (base & along[b]) == 0 && base != 0 && along[b] != 0;
            int16_t aligned = (int16_t)(self.any[b] + (differs ? cost : 0));
            self.insertion[b] = inserted;
            self.any[b] = aligned < inserted ? aligned : inserted;
        }
        int16_t deletion = UNREACHED;
        for (int32_t b = 1; b < width; b++) {
            int16_t opened = (int16_t)(self.any[b - 1] + GAP_OPEN);
            int16_t extended = (int16_t)(deletion + p->extend);
            deletion = opened < extended ? opened : extended;
            if (deletion < self.any[b]) self.any[b] = deletion;
        }
    }
    if (last != ANYWHERE) return self.any[last];
    int32_t least = self.any[0];
    for (int32_t b = 1; b < width; b++)
        if (self.any[b] < least) least = self.any[b];
    return least;
}

/* The cost on REF, where `allele` is NULL, or on an ALT allele. */
static int32_t cost_on(const cnnscore_haplotypes *self, const piece *p, const cnnscore_allele *allele) {
    const cnnscore_reference_row *row = &self->variant->row;
    int64_t change = allele ? allele->alt_length - allele->ref_length : 0;
    /* On the haplotype, whose positions are REF's up to the allele and shifted behind it. */
    int64_t begin = p->from_left ? p->begin_pos : p->end_pos + change - (p->n - 1);
    int64_t last = p->end_pos + change - (p->n - 1) - begin + p->band;
    if (!p->right_fixed || last < 0 || last > 2 * p->band) last = ANYWHERE;
    uint8_t haplotype[PIECE_MAX + 2 * BAND_MAX];
    int32_t n = p->n + 2 * p->band;
    int64_t pos = begin - p->band;
    for (int32_t i = 0; i < n; i++)
        haplotype[i] =
            allele ? haplotype_at(row, allele, pos + i - allele->begin) : reference_at(row, pos + i);
    return align(p, haplotype, p->left_fixed ? p->band : ANYWHERE, last);
}

bool cnnscore_realign(const cnnscore_haplotypes *self, const cnnscore_bam_record *record,
                      const cnnscore_around *around, cnnscore_realigned *found) {
    piece p;
    if (!take_piece(self, record, around, &p)) return false;
    int32_t ref = cost_on(self, &p, NULL), alt = cost_on(self, &p, &self->variant->allele);
    int32_t best = ref < alt ? ref : alt;
    *found = (cnnscore_realigned){.ratio = ref - alt};
    for (int32_t i = 0; i < self->n_rivals && !found->rival; i++)
        found->rival = cost_on(self, &p, &self->rivals[i]) < best;
    return true;
}
