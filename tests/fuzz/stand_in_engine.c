/* stand_in_engine.c: libcnnscore's functions as the bcftools plugin needs them, without an interpreter.
 *
 * bcftools starts in milliseconds so. The batches that the plugin makes of hostile files are checked as
 * libcnnscore checks them; a batch that contradicts itself ends the process, as no file may lead to one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "encode.h"

#define WINDOW 128
#define READ_LIMIT 64
#define SITES_PER_JOB 16

struct cnnscore_engine {
    int unused;
};

static struct cnnscore_engine only;
static const char *const ANNOTATIONS[] = {"MQ", "DP", "SOR", "FS", "QD", "MQRankSum", "ReadPosRankSum"};

uint32_t cnnscore_abi_version(void) {
    return CNNSCORE_ABI_VERSION;
}

int cnnscore_engine_open(const cnnscore_engine_options *options, cnnscore_engine **engine,
                         cnnscore_error *err) {
    (void)options, (void)err;
    *engine = &only;
    return CNNSCORE_OK;
}

int cnnscore_engine_describe(const cnnscore_engine *engine, cnnscore_engine_description *description,
                             cnnscore_error *err) {
    (void)engine, (void)err;
    *description = (cnnscore_engine_description){
        .struct_size = sizeof *description,
        .model = "stand-in",
        .encoding = "gatk-reads",
        .info_key = "CNN_2D",
        .info_description = "none",
        .provider = "cpu",
        .window = WINDOW,
        .read_limit = READ_LIMIT,
        .read_rule = CNNSCORE_READS_GATK,
        .reference_left = WINDOW / 2,
        .reference_width = WINDOW + WINDOW / 2,
        .sites_per_job = SITES_PER_JOB,
        .n_annotations = sizeof ANNOTATIONS / sizeof *ANNOTATIONS,
        .annotations = ANNOTATIONS,
        .precision = "exact",
        .network = "0",
        .cutoffs = "",
    };
    return CNNSCORE_OK;
}

int cnnscore_engine_score(cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores,
                          cnnscore_error *err) {
    (void)engine;
    int code = cnnscore_batch_check(batch, err);
    if (code != CNNSCORE_OK) {
        fprintf(stderr, "stand_in_engine.c: %s\n", err->message);
        abort();
    }
    /* What it has of reads moves a score, so that lost ones are seen. */
    for (int32_t i = 0; i < batch->n_sites; i++)
        scores[i] = (float)(batch->site_read ? batch->site_read[i + 1] - batch->site_read[i] : 0);
    return CNNSCORE_OK;
}

int cnnscore_engine_score_alleles(cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores,
                                  cnnscore_error *err) {
    return cnnscore_engine_score(engine, batch, scores, err);
}

void cnnscore_engine_close(cnnscore_engine *engine) {
    (void)engine;
}
