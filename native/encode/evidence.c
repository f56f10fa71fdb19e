/* evidence.c: one walk along a read's CIGAR, against the reference and one ALT allele.
 * The rules in words: docs/reference/encodings.md. Their plain reading: tests/oracles/read_set.py. */
#include "evidence.h"

#include <stdlib.h>
#include <string.h>

#include "int64.h"

#define NEAR 10 /* bases each side of the site */
#define GOOD_QUALITY 20
#define COMPARED_MAX 70    /* bases past the site that are compared with the haplotypes */
#define RATIO_CONVINCES 40 /* of a read that spans the site without the indel */
#define RATIO_ALONE 15     /* of a read that does not span it */
#define RATIO_LEANS 10     /* of a read, for annotations */
#define RATIO_REALIGNED 9  /* of a read that was aligned anew: a gap's further base is 10 */
#define MISMATCHES_MANY 2  /* near the site: more than an error of sequencing */
#define LEFT_OUT_MAX 1000  /* far above what the count of indels is cut to */

/* What the walk along a CIGAR finds, for `haplotype_ratio` and `support_of`. */
typedef struct {
    const cnnscore_bam_record *record;
    cnnscore_mismatches *mismatches; /* or NULL */
    int64_t clip_left, clip_right;   /* soft-clipped bases */
    int64_t aligned_end;             /* position past the last aligned base */
    int64_t left, right;          /* index of the bases aligned just before and just after the site, or -1 */
    int64_t at;                   /* index of the base aligned to the first changed position, or -1 */
    int64_t net;                  /* bases inserted less bases deleted within the site, */
    int32_t n_within;             /* by so many operators */
    int64_t covered;              /* changed positions that have an aligned base, */
    int64_t equal_alt, equal_ref; /* of these: like ALT, like REF, */
    int64_t unknown;              /* and no A, C, G or T */
    int64_t deleted;              /* changed positions that the read deletes */
    int64_t ratio;
    int32_t mismatches_within; /* of an indel's repeat; counted for `realign` */
} walk;

int cnnscore_evidence_init(cnnscore_evidence_scratch *self, int32_t window, bool realign) {
    self->variant = NULL;
    self->reference = malloc((size_t)window);
    self->read = malloc((size_t)window);
    self->realigner = realign ? calloc(1, sizeof *self->realigner) : NULL;
    if (self->reference && self->read && (self->realigner || !realign)) return CNNSCORE_OK;
    cnnscore_evidence_free(self);
    return CNNSCORE_ERR_NOMEM;
}

void cnnscore_evidence_free(cnnscore_evidence_scratch *self) {
    free(self->reference);
    free(self->read);
    free(self->realigner);
    self->reference = self->read = NULL;
    self->realigner = NULL;
}

void cnnscore_evidence_row(cnnscore_evidence_scratch *self, const cnnscore_window_batch *batch,
                           const cnnscore_variant *variant) {
    const cnnscore_reference_row *row = &variant->row;
    self->variant = variant;
    if (self->realigner) cnnscore_realigner_row(self->realigner, batch, variant);
    for (int64_t i = 0; i < row->end - row->begin; i++)
        self->reference[i] = cnnscore_base_bits[row->bases[i]];
}

/* Bits of the reference at a position, 0 where it is not known. */
static uint8_t reference_at(const cnnscore_evidence_scratch *self, int64_t pos) {
    const cnnscore_reference_row *row = &self->variant->row;
    return pos < row->begin || pos >= row->end ? 0 : self->reference[pos - row->begin];
}

/* Adds the mismatches among n bases, and those of good quality. In parts short enough for a byte to
 * count them: that is what the compiler turns into wide instructions. */
static void count_mismatches(const uint8_t *restrict read, const uint8_t *restrict reference,
                             const uint8_t *restrict qual, int64_t n, int32_t *all, int32_t *good) {
    while (n > 0) {
        int part = (int)min64(n, 128);
        uint8_t n_all = 0, n_good = 0;
        for (int i = 0; i < part; i++) {
            uint8_t differs = (uint8_t)((uint8_t)(read[i] & reference[i]) == 0) & (uint8_t)(read[i] != 0) &
                              (uint8_t)(reference[i] != 0);
            n_all = (uint8_t)(n_all + differs);
            n_good = (uint8_t)(n_good + (differs & (uint8_t)(qual[i] >= GOOD_QUALITY)));
        }
        *all += n_all;
        *good += n_good;
        read += part;
        reference += part;
        qual += part;
        n -= part;
    }
}

/* Aligned bases of a read: that which is number `index` of those it holds stands at `pos`; [begin, end) is
 * what of them lies in the window, and is unpacked. */
typedef struct {
    int64_t pos, index, begin, end;
} stretch;

/* Most stretches have none or few: they are looked for where the count says so. */
static void list_mismatches(const uint8_t *read, const uint8_t *reference, int64_t column, int64_t n,
                            cnnscore_mismatches *list) {
    for (int64_t i = 0; i < n && list->n < CNNSCORE_MISMATCHES_MAX; i++) {
        if ((read[i] & reference[i]) != 0 || reference[i] == 0) continue;
        int number = read[i] == 1 ? 0 : read[i] == 2 ? 1 : read[i] == 4 ? 2 : read[i] == 8 ? 3 : -1;
        if (number >= 0) list->cell[list->n++] = (int32_t)(4 * (column + i)) + number;
    }
}

static void count_within(const cnnscore_evidence_scratch *self, const walk *w, const stretch *s, int64_t from,
                         int64_t to, int32_t *all, int32_t *good) {
    from = max64(from, s->begin);
    to = min64(to, s->end);
    if (from >= to) return;
    int32_t before = *all;
    int64_t column = from - self->variant->row.begin;
    const uint8_t *read = self->read + (from - s->begin), *reference = self->reference + column;
    count_mismatches(read, reference, w->record->qual + s->index + (from - s->pos), to - from, all, good);
    if (*all > before && w->mismatches) list_mismatches(read, reference, column, to - from, w->mismatches);
}

/* Mismatches within an indel's repeat, which are no scalar. */
static void count_inside(const cnnscore_evidence_scratch *self, walk *w, const stretch *s) {
    const cnnscore_allele *allele = &self->variant->allele;
    int64_t from = max64(allele->repeat_begin, s->begin), to = min64(allele->repeat_end, s->end);
    int32_t good = 0;
    if (allele->ref_length == allele->alt_length || from >= to) return;
    count_mismatches(self->read + (from - s->begin), self->reference + (from - self->variant->row.begin),
                     w->record->qual + s->index + (from - s->pos), to - from, &w->mismatches_within, &good);
}

/* The changed bases of a SNP or an MNP that lie in an aligned stretch. */
static void compare_changed(walk *w, const cnnscore_allele *allele, int64_t pos, int64_t index, int64_t n) {
    int64_t from = max64(pos, allele->begin), to = min64(pos + n, allele->begin + allele->ref_length);
    if (from >= to) return;
    /* What the record does not hold is not known. */
    int64_t held = w->record->first - index + pos, held_end = held + w->record->n_held;
    held = max64(from, min64(to, held));
    held_end = max64(held, min64(to, held_end));
    w->covered += to - from;
    w->unknown += to - from - (held_end - held);
    for (int64_t p = held; p < held_end; p++) {
        int64_t i = index + (p - pos);
        uint8_t base = cnnscore_bam_base(w->record, i);
        uint8_t alt = cnnscore_base_bits[(uint8_t)allele->alt[p - allele->begin]];
        uint8_t ref = cnnscore_base_bits[(uint8_t)allele->ref[p - allele->begin]];
        bool known = base == 1 || base == 2 || base == 4 || base == 8;
        bool is_alt = known && base == alt, is_ref = known && !is_alt && (base & ref) != 0;
        w->unknown += !known;
        w->equal_alt += is_alt;
        w->equal_ref += is_ref;
        w->ratio += (is_alt - is_ref) * cnnscore_bam_quality(w->record, i);
    }
}

/* An aligned stretch of n bases at `pos`, from base `index` on. */
static void walk_aligned(cnnscore_evidence_scratch *self, walk *w, cnnscore_evidence *e, int64_t pos,
                         int64_t index, int64_t n) {
    const cnnscore_allele *allele = &self->variant->allele;
    const cnnscore_reference_row *row = &self->variant->row;
    int64_t site = allele->repeat_begin, site_end = allele->repeat_end;
    if (site - 1 >= pos && site - 1 < pos + n) w->left = index + (site - 1 - pos);
    if (site_end >= pos && site_end < pos + n) w->right = index + (site_end - pos);
    if (allele->begin >= pos && allele->begin < pos + n) w->at = index + (allele->begin - pos);
    if (allele->ref_length == allele->alt_length) compare_changed(w, allele, pos, index, n);

    const cnnscore_bam_record *record = w->record;
    stretch s = {pos, index - record->first, max64(pos, row->begin), min64(pos + n, row->end)};
    s.begin = max64(s.begin, pos - s.index);
    s.end = min64(s.end, pos - s.index + record->n_held);
    if (s.begin >= s.end) return;
    cnnscore_bam_bases(record->seq, s.index + (s.begin - pos), s.end - s.begin, self->read);
    int32_t near = 0; /* along the read, as its mismatches are listed */
    count_within(self, w, &s, s.begin, site - NEAR, &e->mismatches, &e->mismatches_q20);
    count_within(self, w, &s, site - NEAR, site, &near, &e->mismatches_q20);
    count_within(self, w, &s, site_end, site_end + NEAR, &near, &e->mismatches_q20);
    count_within(self, w, &s, site_end + NEAR, s.end, &e->mismatches, &e->mismatches_q20);
    e->mismatches += near;
    e->mismatches_near += near;
    if (self->realigner) count_inside(self, w, &s);
}

/* An indel of the read, which takes the place of [pos, end); an insertion stands before pos == end. */
static void walk_indel(const cnnscore_evidence_scratch *self, walk *w, cnnscore_evidence *e, int64_t pos,
                       int64_t end, int64_t change) {
    const cnnscore_allele *allele = &self->variant->allele;
    int64_t site = allele->repeat_begin, site_end = allele->repeat_end;
    w->deleted += max64(0, min64(end, allele->begin + allele->ref_length) - max64(pos, allele->begin));
    bool within = pos == end ? pos >= site && pos <= site_end : pos < site_end && end > site;
    if (within && allele->ref_length != allele->alt_length) {
        w->net += change;
        w->n_within++;
        return;
    }
    e->indels++;
    e->indels_near += pos <= site_end + NEAR && end >= site - NEAR;
}

/* A soft clip whose aligned neighbour is at `edge`. */
static void walk_clip(const cnnscore_evidence_scratch *self, cnnscore_evidence *e, int64_t edge, int64_t n) {
    const cnnscore_allele *allele = &self->variant->allele;
    e->clipped += n;
    if (n > 0) e->clip_near |= edge <= allele->repeat_end + NEAR && edge >= allele->repeat_begin - NEAR;
}

static void walk_cigar(cnnscore_evidence_scratch *self, walk *w, cnnscore_evidence *e) {
    const cnnscore_bam_record *record = w->record;
    int64_t pos = record->pos, index = 0;
    bool aligned = false;
    for (uint32_t i = 0; i < record->n_cigar; i++) {
        uint32_t op = cnnscore_bam_cigar(record, i);
        int64_t length = cnnscore_cigar_length(op), left = record->l_seq - index;
        switch (cnnscore_cigar_op(op)) {
            case CNNSCORE_CIGAR_M:
            case CNNSCORE_CIGAR_EQUAL:
            case CNNSCORE_CIGAR_DIFFERS:
                /* A CIGAR may promise more bases than there are. */
                walk_aligned(self, w, e, pos, index, min64(length, left));
                index += min64(length, left);
                pos += length;
                aligned = true;
                break;
            case CNNSCORE_CIGAR_I:
                walk_indel(self, w, e, pos, pos, length);
                index += min64(length, left);
                break;
            case CNNSCORE_CIGAR_D:
                walk_indel(self, w, e, pos, pos + length, -length);
                pos += length;
                break;
            case CNNSCORE_CIGAR_N:
                pos += length;
                break;
            case CNNSCORE_CIGAR_S:
                length = min64(length, left);
                *(aligned ? &w->clip_right : &w->clip_left) += length;
                walk_clip(self, e, pos, length);
                index += length;
                break;
        }
    }
    e->indels += (int32_t)min64(record->left_out, LEFT_OUT_MAX);
    w->aligned_end = pos;
}

/* Where a site lies in a clip, its neighbours are as far into the clip as they are past the aligned
 * bases. */
static void extend_into_clips(const cnnscore_evidence_scratch *self, walk *w, int64_t *left, int64_t *right) {
    const cnnscore_allele *allele = &self->variant->allele;
    const cnnscore_bam_record *record = w->record;
    *left = w->left;
    *right = w->right;
    if (*left < 0 && allele->repeat_begin > w->aligned_end) {
        int64_t index = record->l_seq - w->clip_right + (allele->repeat_begin - 1 - w->aligned_end);
        if (index < record->l_seq) *left = index;
    }
    if (*right < 0 && allele->repeat_end < record->pos)
        *right = max64(-1, w->clip_left - (record->pos - allele->repeat_end));
}

/* What a base says for ALT and against REF, given their bits at its position. */
static int64_t base_ratio(uint8_t base, uint8_t quality, uint8_t ref, uint8_t alt) {
    if (base == 0 || ref == 0 || alt == 0) return 0;
    return ((int64_t)((base & alt) != 0) - (int64_t)((base & ref) != 0)) * quality;
}

/* Bits of the ALT haplotype, `offset` bases from the first changed one on; may be negative. */
static uint8_t alternate_at(const cnnscore_evidence_scratch *self, int64_t offset) {
    const cnnscore_allele *allele = &self->variant->allele;
    if (offset < 0) return reference_at(self, allele->begin + offset);
    if (offset < allele->alt_length) return cnnscore_base_bits[(uint8_t)allele->alt[offset]];
    return reference_at(self, allele->begin + allele->ref_length + (offset - allele->alt_length));
}

/* For an indel: the bases from the site on, ungapped, against both haplotypes. They hang on the side of
 * the site that has more aligned bases, and run through it to the other. */
static int64_t haplotype_ratio(const cnnscore_evidence_scratch *self, const walk *w, int64_t left,
                               int64_t right) {
    const cnnscore_allele *allele = &self->variant->allele;
    const cnnscore_bam_record *record = w->record;
    int64_t n = allele->repeat_end - allele->repeat_begin + allele->alt_length + COMPARED_MAX;
    int64_t before = left < 0 ? -1 : left - w->clip_left;
    int64_t after = right < 0 ? -1 : record->l_seq - 1 - w->clip_right - right;
    int64_t ratio = 0;
    if (left < 0 && right < 0) return 0;
    if (right < 0 || (left >= 0 && before >= after)) {
        n = min64(n, record->first + record->n_held - 1 - left);
        for (int64_t i = max64(0, record->first - 1 - left); i < n; i++) {
            int64_t pos = allele->repeat_begin + i;
            ratio += base_ratio(cnnscore_bam_base(record, left + 1 + i),
                                cnnscore_bam_quality(record, left + 1 + i), reference_at(self, pos),
                                alternate_at(self, pos - allele->begin));
        }
    } else {
        n = min64(n, right - record->first);
        int64_t change = allele->alt_length - allele->ref_length;
        for (int64_t i = max64(0, right - record->first - record->n_held); i < n; i++) {
            int64_t pos = allele->repeat_end - 1 - i;
            ratio += base_ratio(cnnscore_bam_base(record, right - 1 - i),
                                cnnscore_bam_quality(record, right - 1 - i), reference_at(self, pos),
                                alternate_at(self, pos - allele->begin + change));
        }
    }
    return ratio;
}

static int support_by_ratio(int64_t ratio, int64_t enough) {
    return ratio > enough    ? CNNSCORE_SUPPORTS_ALT
           : ratio < -enough ? CNNSCORE_SUPPORTS_REF
                             : CNNSCORE_SUPPORTS_NOTHING;
}

static int support_of(const walk *w, const cnnscore_allele *allele, bool spans) {
    if (allele->ref_length == allele->alt_length) {
        if (w->deleted > 0) return CNNSCORE_SUPPORTS_OTHER;
        if (w->covered < allele->ref_length || w->unknown > 0) return support_by_ratio(w->ratio, RATIO_ALONE);
        return w->equal_alt == allele->ref_length   ? CNNSCORE_SUPPORTS_ALT
               : w->equal_ref == allele->ref_length ? CNNSCORE_SUPPORTS_REF
                                                    : CNNSCORE_SUPPORTS_OTHER;
    }
    if (!spans) return support_by_ratio(w->ratio, RATIO_ALONE);
    if (w->net == allele->alt_length - allele->ref_length) return CNNSCORE_SUPPORTS_ALT;
    if (w->net != 0) return CNNSCORE_SUPPORTS_OTHER;
    return w->ratio > RATIO_CONVINCES ? CNNSCORE_SUPPORTS_ALT : CNNSCORE_SUPPORTS_REF;
}

/* Of a SNP or MNP what it supports, unless that is by part of the bases; of an indel the ratio, where
 * the read's own alignment does not show one. */
static int leaning_of(const walk *w, const cnnscore_allele *allele, const cnnscore_evidence *e) {
    if (allele->ref_length == allele->alt_length)
        return w->covered == allele->ref_length ? e->support : CNNSCORE_SUPPORTS_NOTHING;
    return e->spans && w->net != 0 ? e->support : support_by_ratio(w->ratio, RATIO_LEANS);
}

/* Whether a read shows more than REF or ALT alone: an indel, a clip or mismatches near the site, or
 * bases that contradict its CIGAR. */
static bool is_unclear(const walk *w, const cnnscore_allele *allele, const cnnscore_evidence *e) {
    if (e->indels_near > 0 || e->clip_near) return true;
    if (e->mismatches_near + w->mismatches_within >= MISMATCHES_MANY) return true;
    if (allele->ref_length == allele->alt_length) return w->deleted > 0;
    if (w->n_within == 0) return e->spans && w->ratio > 0;
    return !e->spans || w->n_within > 1 || w->net != allele->alt_length - allele->ref_length || w->ratio <= 0;
}

/* What alignment to the haplotypes says. Where it is little, a side that the CIGAR takes too. */
static void take_costs(cnnscore_evidence *e) {
    const cnnscore_haplotype_costs *costs = &e->costs;
    e->ratio = costs->ref - costs->alt;
    int side = support_by_ratio(e->ratio, 0);
    if (costs->rival < (costs->ref < costs->alt ? costs->ref : costs->alt))
        e->support = CNNSCORE_SUPPORTS_OTHER;
    else if (side != e->support || side == CNNSCORE_SUPPORTS_NOTHING)
        e->support = support_by_ratio(e->ratio, RATIO_REALIGNED);
    if (e->support == CNNSCORE_SUPPORTS_NOTHING && e->spans) e->support = CNNSCORE_SUPPORTS_OTHER;
    e->leaning = e->support;
}

static void look_at(cnnscore_evidence_scratch *self, const cnnscore_bam_record *record, cnnscore_evidence *e,
                    cnnscore_mismatches *mismatches) {
    const cnnscore_allele *allele = &self->variant->allele;
    walk w = {.record = record, .mismatches = mismatches, .left = -1, .right = -1, .at = -1};
    *e = (cnnscore_evidence){.index = -1};
    if (mismatches) mismatches->n = 0;
    walk_cigar(self, &w, e);
    int64_t left, right;
    extend_into_clips(self, &w, &left, &right);
    if (allele->ref_length == allele->alt_length) {
        e->spans = w.covered + w.deleted == allele->ref_length;
        /* A deleted or clipped first base: the one that stands before it, else the one after. */
        e->index = w.at >= 0 ? w.at : left >= 0 ? left : right;
    } else {
        w.ratio = haplotype_ratio(self, &w, left, right);
        e->spans = w.left >= 0 && w.right >= 0;
        e->index = left >= 0 ? left : right;
    }
    e->ratio = w.ratio;
    e->support = support_of(&w, allele, e->spans);
    e->leaning = leaning_of(&w, allele, e);
    if (e->index >= 0) e->quality = cnnscore_bam_quality(record, e->index);
    e->realigned =
        self->realigner && is_unclear(&w, allele, e) && cnnscore_realign(self->realigner, record, &e->costs);
}

void cnnscore_evidence_of(cnnscore_evidence_scratch *self, const cnnscore_bam_record *records, int64_t n,
                          cnnscore_evidence *evidence, cnnscore_mismatches *mismatches) {
    for (int64_t i = 0; i < n; i++)
        look_at(self, &records[i], &evidence[i], mismatches ? &mismatches[i] : NULL);
    if (!self->realigner) return;
    cnnscore_realign_finish(self->realigner);
    for (int64_t i = 0; i < n; i++)
        if (evidence[i].realigned) take_costs(&evidence[i]);
}
