/* realign.h: a read aligned anew to the haplotypes of a site, where its own alignment shows none of them.
 * The rules in words: docs/reference/encodings.md. Their plain reading: tests/oracles/read_set.py. */
#ifndef CNNSCORE_REALIGN_H
#define CNNSCORE_REALIGN_H

#include "variant.h"

/* Of more ALT alleles of a site than these the first count: what a row costs stays bounded. */
#define CNNSCORE_RIVALS_MAX 16

/* What a read may carry at a site: REF and the row's ALT allele, and the other ALT alleles. */
typedef struct {
    const cnnscore_variant *variant;
    int32_t n_rivals;
    cnnscore_allele rivals[CNNSCORE_RIVALS_MAX];
} cnnscore_haplotypes;

void cnnscore_haplotypes_of(cnnscore_haplotypes *self, const cnnscore_window_batch *batch,
                            const cnnscore_variant *variant);

typedef struct {
    int32_t ratio; /* ALT against REF, phred scaled */
    bool rival;    /* another ALT allele of the site fits better than both */
} cnnscore_realigned;

/* Aligns the read's bases around the site to each haplotype; false where none is aligned near it. */
bool cnnscore_realign(const cnnscore_haplotypes *self, const cnnscore_bam_record *record,
                      cnnscore_realigned *found);

#endif
