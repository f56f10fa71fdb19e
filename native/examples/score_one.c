/* score_one.c: one site, made up here, scored by a network.
 *
 *   cc score_one.c $(pkg-config --cflags --libs cnnscore) -o score_one
 *   ./score_one gatk-1d
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cnnscore.h"

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: score_one MODEL\n");
        return 1;
    }
    cnnscore_error err = {0};
    cnnscore_engine *engine = NULL;
    cnnscore_engine_options options = {
        .struct_size = sizeof options, .abi_version = CNNSCORE_ABI_VERSION, .model = argv[1]};
    if (cnnscore_engine_open(&options, &engine, &err) != CNNSCORE_OK) goto fail;

    cnnscore_engine_description network = {.struct_size = sizeof network};
    if (cnnscore_engine_describe(engine, &network, &err) != CNNSCORE_OK) goto fail;
    printf("%s on %s: encoding %s, up to %d reads, INFO/%s\n", network.model, network.provider,
           network.encoding, network.read_limit, network.info_key);

    /* The site chr1:1001 A>G, in a reference of ACGTACGT..., POS at column reference_left. */
    size_t width = (size_t)network.reference_width, n_annotations = (size_t)network.n_annotations;
    char *reference = malloc(width + 1);
    float *annotations = calloc(n_annotations + 1, sizeof *annotations);
    if (!reference || !annotations) return 1;
    for (size_t i = 0; i < width; i++)
        reference[i] = "ACGT"[(i + 4 - (size_t)network.reference_left % 4) % 4];
    for (size_t i = 0; i < n_annotations; i++) /* INFO/MQ is known; others are taken as 0 */
        annotations[i] = strcmp(network.annotations[i], "MQ") == 0 ? 60.0F : 0.0F;

    const int32_t contig[1] = {0};
    const int64_t pos[1] = {1000}, end[1] = {1001};
    const uint8_t kind[1] = {CNNSCORE_KIND_SNP};
    const int64_t site_allele[2] = {0, 2}, allele_offset[3] = {0, 1, 2};
    const int64_t site_read[2] = {0, 0}, read_offset[1] = {0}; /* no read covers it */
    const int64_t contig_length[1] = {248956422}, contig_offset[2] = {0, 4};
    cnnscore_window_batch batch = {.struct_size = sizeof batch,
                                   .n_sites = 1,
                                   .n_annotations = network.n_annotations,
                                   .reference_left = network.reference_left,
                                   .reference_width = network.reference_width,
                                   .contig = contig,
                                   .pos = pos,
                                   .end = end,
                                   .kind = kind,
                                   .site_allele = site_allele,
                                   .allele_offset = allele_offset,
                                   .alleles = "AG",
                                   .annotations = annotations,
                                   .reference = (const uint8_t *)reference,
                                   .site_read = site_read,
                                   .read_offset = read_offset,
                                   .n_contigs = 1,
                                   .contig_length = contig_length,
                                   .contig_offset = contig_offset,
                                   .contig_names = "chr1"};
    float score;
    if (cnnscore_engine_score(engine, &batch, &score, &err) != CNNSCORE_OK) goto fail;
    printf("chr1:1001 A>G %.3f\n", (double)score);
    free(reference);
    free(annotations);
    cnnscore_engine_close(engine);
    return 0;

fail:
    fprintf(stderr, "score_one: %s\n", err.message);
    cnnscore_engine_close(engine);
    return 1;
}
