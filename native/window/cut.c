/* cut.c: the part of a long read that an encoding can see from a site. */
#include "cut.h"

#include <stdlib.h>

#include "allele.h"
#include "cnnscore.h"
#include "grow.h"
#include "int64.h"

/* Reads of up to this many times the columns of the reference are kept whole. */
#define LONG_READ 2
/* Operators this close to the window are kept: what is near a site counts (evidence.c, NEAR), and it is at
 * most at the window's edge. */
#define MARGIN 16
/* What the length of a CIGAR's operator has no room for. */
#define OPERATOR_MAX ((int64_t)1 << 28)

static bool on_read(uint32_t op) {
    return (bam_cigar_type(bam_cigar_op(op)) & 1) != 0;
}

static bool on_reference(uint32_t op) {
    return (bam_cigar_type(bam_cigar_op(op)) & 2) != 0;
}

static bool is_aligned(uint32_t op) {
    return on_read(op) && on_reference(op);
}

static bool is_clip(uint32_t op) {
    return bam_cigar_op(op) == BAM_CSOFT_CLIP || bam_cigar_op(op) == BAM_CHARD_CLIP;
}

static bool is_indel(uint32_t op) {
    return bam_cigar_op(op) == BAM_CINS || bam_cigar_op(op) == BAM_CDEL;
}

static int64_t soft_clip(uint32_t op) {
    return bam_cigar_op(op) == BAM_CSOFT_CLIP ? bam_cigar_oplen(op) : 0;
}

void cnnscore_cutter_free(cnnscore_cutter *self) {
    free(self->cigar);
    self->cigar = NULL;
}

bool cnnscore_is_long(const cnnscore_cutter *self, const bam1_t *read) {
    return !self->whole && read->core.l_qseq > LONG_READ * (int64_t)self->reference_width;
}

cnnscore_kept_read cnnscore_whole_read(const bam1_t *read) {
    return (cnnscore_kept_read){
        .cigar = bam_get_cigar(read), .n_cigar = read->core.n_cigar, .n_bases = read->core.l_qseq};
}

/* ---- what is the same for all sites ---- */

static void look_through(cnnscore_read_cursor *c, const bam1_t *read) {
    const uint32_t *cigar = bam_get_cigar(read);
    uint32_t n = read->core.n_cigar;
    int64_t bases = 0;
    *c = (cnnscore_read_cursor){.known = true, .end = read->core.pos};
    c->qualities = cnnscore_qualities_of(bam_get_qual(read), read->core.l_qseq);
    while (c->n_head < n && is_clip(cigar[c->n_head])) c->clip_left += soft_clip(cigar[c->n_head++]);
    while (c->n_tail < n - c->n_head && is_clip(cigar[n - 1 - c->n_tail]))
        c->clip_right += soft_clip(cigar[n - 1 - c->n_tail++]);
    c->is_regular = c->n_head + c->n_tail < n && is_aligned(cigar[c->n_head]);
    for (uint32_t i = c->n_head; i < n - c->n_tail; i++) {
        int64_t length = bam_cigar_oplen(cigar[i]);
        c->is_regular &= !is_clip(cigar[i]);
        c->n_indels += is_indel(cigar[i]);
        c->end += on_reference(cigar[i]) ? length : 0;
        bases += on_read(cigar[i]) ? length : 0;
    }
    c->is_regular &= c->clip_left + bases + c->clip_right == read->core.l_qseq && bases < OPERATOR_MAX &&
                     c->end - read->core.pos < OPERATOR_MAX;
    c->op = c->n_head;
    c->pos = read->core.pos;
    c->index = c->clip_left;
}

static void hold(cnnscore_kept_read *kept, int64_t begin, int64_t end, int64_t n_bases) {
    begin = clamp64(begin, 0, n_bases) & ~INT64_C(1); /* a whole byte of 4-bit bases */
    end = max64(begin, min64(end, n_bases));
    kept->begin = begin;
    kept->n_bases = end - begin;
}

/* ---- READS_GATK: the first bases of a read, and the one at the site ---- */

/* Its gaps may come from anywhere in a CIGAR, which is kept. */
static void hold_for_gatk(const cnnscore_cutter *self, const bam1_t *read, const cnnscore_read_cursor *c,
                          const cnnscore_wanted_site *site, cnnscore_kept_read *kept) {
    int64_t start = read->core.flag & BAM_FUNMAP ? -1 : read->core.pos - c->clip_left;
    int64_t last = read->core.l_qseq - 1, at = clamp64(site->pos - start, 0, last);
    /* The row begins before POS by half a window, which `reference_left` is no less than. */
    bool shows_bases = site->pos - self->reference_left - start < self->reference_width;
    hold(kept, shows_bases ? 0 : at, max64(shows_bases ? self->reference_width : 0, at + 2),
         read->core.l_qseq);
}

/* ---- READS_PRIMARY: the window, and what is laid along haplotypes ---- */

/* A place in a CIGAR: the operator, and where on the reference and on the read it begins. */
typedef struct {
    uint32_t op;
    int64_t pos, index, indels;
} place;

static void step(place *p, uint32_t op) {
    p->pos += on_reference(op) ? bam_cigar_oplen(op) : 0;
    p->index += on_read(op) ? bam_cigar_oplen(op) : 0;
    p->indels += is_indel(op);
    p->op++;
}

/* Index of the base aligned at `pos`, or of the next one; in a clip as far as the clip goes. `p` is a place
 * at or before it. */
static int64_t index_at(const bam1_t *read, const cnnscore_read_cursor *c, place p, int64_t pos) {
    const uint32_t *cigar = bam_get_cigar(read);
    if (pos < read->core.pos) return max64(0, c->clip_left - (read->core.pos - pos));
    if (pos >= c->end) return min64(read->core.l_qseq, read->core.l_qseq - c->clip_right + (pos - c->end));
    for (uint32_t op; op = cigar[p.op], !on_reference(op) || p.pos + bam_cigar_oplen(op) <= pos;)
        step(&p, op);
    return p.index + (is_aligned(cigar[p.op]) ? pos - p.pos : 0);
}

/* Put what stands for operators that come to these bases of the read and the reference, and to as many
 * indels; adds to *left_out those that it does not stand for. The rest of the length is an insertion, which
 * is one of them, or skipped. */
static void put_for(uint32_t *cigar, uint32_t *n, int64_t bases, int64_t reference, int64_t indels,
                    int64_t *left_out) {
    int64_t both = min64(bases, reference);
    *left_out += indels - (bases > reference);
    if (both > 0) cigar[(*n)++] = bam_cigar_gen((uint32_t)both, BAM_CMATCH);
    if (bases > reference) cigar[(*n)++] = bam_cigar_gen((uint32_t)(bases - reference), BAM_CINS);
    if (reference > bases) cigar[(*n)++] = bam_cigar_gen((uint32_t)(reference - bases), BAM_CREF_SKIP);
}

static int hold_for_ours(cnnscore_cutter *self, const bam1_t *read, cnnscore_read_cursor *c,
                         const cnnscore_wanted_site *site, cnnscore_kept_read *kept) {
    const uint32_t *cigar = bam_get_cigar(read);
    uint32_t n = read->core.n_cigar, end_op = n - c->n_tail;
    int64_t row_begin = site->pos - self->reference_left, row_end = row_begin + self->reference_width;
    int64_t stop = site->pos + site->ref_length;
    int64_t begin = row_begin - MARGIN, end = max64(row_end, stop) + MARGIN;

    if (c->pos >= begin) { /* no later site than the last */
        c->op = c->n_head;
        c->pos = read->core.pos;
        c->index = c->clip_left;
        c->indels = 0;
    }
    place first = {c->op, c->pos, c->index, c->indels};
    while (first.op < end_op &&
           first.pos + (on_reference(cigar[first.op]) ? bam_cigar_oplen(cigar[first.op]) : 0) < begin)
        step(&first, cigar[first.op]);
    c->op = first.op;
    c->pos = first.pos;
    c->index = first.index;
    c->indels = first.indels;
    place last = first;
    while (last.op < end_op && last.pos <= end) step(&last, cigar[last.op]);

    /* An indel's read is laid along its haplotypes from the base before its repeat on, or from the one after
     * it back, as far as the window goes. A repeat reaches SHIFT_MAX beyond the alleles at most. */
    int64_t forward = index_at(read, c, first, stop) + (row_end - site->pos) + CNNSCORE_SHIFT_MAX + 1;
    int64_t back = index_at(read, c, first, site->pos) -
                   (site->ref_length + CNNSCORE_SHIFT_MAX + self->reference_left + 1);
    /* A read that ends near the site is aligned anew as far into its clip, whatever it deletes before that.
     */
    hold(kept, min64(back, index_at(read, c, first, begin) - CNNSCORE_FLANK),
         max64(forward, index_at(read, c, first, end) + CNNSCORE_FLANK), read->core.l_qseq);

    /* Each stretch that is left out takes two operators at most. */
    size_t most = (size_t)c->n_head + 2 + (last.op - first.op) + 2 + c->n_tail;
    if (cnnscore_reserve(&self->cigar, &self->capacity, most, sizeof *self->cigar) < 0) return -1;
    uint32_t put = 0;
    int64_t left_out = 0;
    for (uint32_t i = 0; i < c->n_head; i++) self->cigar[put++] = cigar[i];
    if (first.op > c->n_head)
        put_for(self->cigar, &put, first.index - c->clip_left, first.pos - read->core.pos, first.indels,
                &left_out);
    for (uint32_t i = first.op; i < last.op; i++) self->cigar[put++] = cigar[i];
    if (last.op < end_op)
        put_for(self->cigar, &put, read->core.l_qseq - c->clip_right - last.index, c->end - last.pos,
                c->n_indels - last.indels, &left_out);
    for (uint32_t i = end_op; i < n; i++) self->cigar[put++] = cigar[i];
    kept->cigar = self->cigar;
    kept->n_cigar = put;
    kept->part.n_indels = (uint32_t)left_out;
    return 0;
}

int cnnscore_cut_read(cnnscore_cutter *self, const bam1_t *read, cnnscore_read_cursor *cursor,
                      const cnnscore_wanted_site *site, cnnscore_kept_read *kept) {
    *kept = cnnscore_whole_read(read);
    if (!cursor->known) look_through(cursor, read);
    if (self->read_rule == CNNSCORE_READS_GATK)
        hold_for_gatk(self, read, cursor, site, kept);
    else if (cursor->is_regular && hold_for_ours(self, read, cursor, site, kept) < 0)
        return -1;
    kept->is_part = kept->n_bases < read->core.l_qseq;
    if (!kept->is_part) {
        *kept = cnnscore_whole_read(read);
        return 0;
    }
    kept->part.length = (uint32_t)read->core.l_qseq;
    kept->part.begin = (uint32_t)kept->begin;
    kept->part.good_begin = (uint32_t)cursor->qualities.begin;
    kept->part.good_end = (uint32_t)cursor->qualities.end;
    kept->part.low = (uint32_t)cursor->qualities.n_low;
    return 0;
}
