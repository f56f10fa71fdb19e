/* evidence.h: one read against one ALT allele: what it supports, and how much of it can be believed. */
#ifndef CNNSCORE_EVIDENCE_H
#define CNNSCORE_EVIDENCE_H

#include "realign.h"

enum { CNNSCORE_SUPPORTS_NOTHING, CNNSCORE_SUPPORTS_REF, CNNSCORE_SUPPORTS_ALT, CNNSCORE_SUPPORTS_OTHER };

typedef struct {
    int support;     /* CNNSCORE_SUPPORTS_* */
    int leaning;     /* the same for annotations: as in HaplotypeCaller, little takes a side */
    int64_t ratio;   /* ALT against REF, phred scaled */
    int32_t quality; /* of the base at the site, 0 without one */
    int64_t index;   /* of that base in the read, clips counted; -1: the read ends before it */
    bool spans;      /* aligned at both sides of the site */
    int32_t mismatches, mismatches_q20, mismatches_near;
    int32_t indels, indels_near;
    int64_t clipped; /* soft-clipped bases */
    bool clip_near;  /* a soft clip begins near the site */
    bool realigned;  /* it was aligned anew, at these costs */
    cnnscore_haplotype_costs costs;
} cnnscore_evidence;

/* Mismatches of a read, along it; of more than there is room for the first ones. */
#define CNNSCORE_MISMATCHES_MAX 16
typedef struct {
    int32_t n;
    int32_t cell[CNNSCORE_MISMATCHES_MAX]; /* column of the window * 4 + number of the base, 0-3 */
} cnnscore_mismatches;

/* Memory for a row: the window as bits of bases, and a read's. Freed by cnnscore_evidence_free. */
typedef struct {
    const cnnscore_variant *variant;
    uint8_t *reference;            /* [window] */
    uint8_t *read;                 /* [window] */
    cnnscore_realigner *realigner; /* or NULL: reads count as they are aligned */
} cnnscore_evidence_scratch;

int cnnscore_evidence_init(cnnscore_evidence_scratch *self, int32_t window, bool realign);
void cnnscore_evidence_free(cnnscore_evidence_scratch *self);
/* What follows is about this row; it and the batch must live as long. */
void cnnscore_evidence_row(cnnscore_evidence_scratch *self, const cnnscore_window_batch *batch,
                           const cnnscore_variant *variant);
/* Of n reads. `mismatches` may be NULL. */
void cnnscore_evidence_of(cnnscore_evidence_scratch *self, const cnnscore_bam_record *records, int64_t n,
                          cnnscore_evidence *evidence, cnnscore_mismatches *mismatches);

#endif
