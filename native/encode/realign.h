/* realign.h: a read aligned anew to the haplotypes of a site, where its own alignment shows none of them.
 * The rules in words: docs/reference/encodings.md. Their plain reading: tests/oracles/realign.py. */
#ifndef CNNSCORE_REALIGN_H
#define CNNSCORE_REALIGN_H

#include "align.h"
#include "variant.h"

/* Of more ALT alleles of a site than these the first count: what a row costs stays bounded. */
#define CNNSCORE_RIVALS_MAX 16

/* What a read's bases around the site cost, phred scaled, on REF, on the row's ALT allele, and on the best of
 * the others: INT32_MAX where there is none. */
typedef struct {
    int32_t ref, alt, rival;
} cnnscore_haplotype_costs;

/* What a read may carry at a site, and the alignments that are on their way. Starts as zeros. */
typedef struct {
    const cnnscore_variant *variant;
    int32_t width, unit; /* places of a base; bases of an indel that can be shifted by as many, or 0 */
    int32_t n_rivals;
    cnnscore_allele rivals[CNNSCORE_RIVALS_MAX];
    cnnscore_alignments alignments;
} cnnscore_realigner;

/* What follows is about this row; it and the batch must live as long. */
void cnnscore_realigner_row(cnnscore_realigner *self, const cnnscore_window_batch *batch,
                            const cnnscore_variant *variant);
/* False where no base of the read is aligned near the site. `costs` are there, at this address, after
 * cnnscore_realign_finish. */
bool cnnscore_realign(cnnscore_realigner *self, const cnnscore_bam_record *record,
                      cnnscore_haplotype_costs *costs);
void cnnscore_realign_finish(cnnscore_realigner *self);

#endif
