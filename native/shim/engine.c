/* engine.c: what libcnnscore.so exports. Each wrapper checks what can be checked without Python,
 * then calls the engine's side of the seam. */
#include <math.h>
#include <stddef.h>

#include "encode.h"
#include "fail.h"
#include "seam.h"

/* For callers that want no message: Python always has one to write to. */
#define ERROR_OR_OWN(err)  \
    cnnscore_error unread; \
    if (!(err)) (err) = &unread

uint32_t cnnscore_abi_version(void) {
    return CNNSCORE_ABI_VERSION;
}

static int check_size(size_t given, size_t expected, const char *name, cnnscore_error *err) {
    if (given == expected) return CNNSCORE_OK;
    return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                         "%s.struct_size is %zu where this libcnnscore.so has %zu: set it, or rebuild both "
                         "sides with one cnnscore.h",
                         name, given, expected);
}

int cnnscore_engine_open(const cnnscore_engine_options *options, cnnscore_engine **engine,
                         cnnscore_error *err) {
    ERROR_OR_OWN(err);
    if (!engine) return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "engine_open: engine is NULL");
    *engine = NULL;
    if (!options) return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "engine_open: options is NULL");
    /* The version comes first: another one may well have another size. */
    if (options->abi_version != CNNSCORE_ABI_VERSION)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "the program asks for version %lu of cnnscore's C ABI, this libcnnscore.so has "
                             "%d: rebuild both sides with one cnnscore.h",
                             (unsigned long)options->abi_version, CNNSCORE_ABI_VERSION);
    int rc = check_size(options->struct_size, sizeof *options, "cnnscore_engine_options", err);
    const cnnscore_inside *inside = NULL;
    if (rc == CNNSCORE_OK) rc = cnnscore_check_fork(err);
    if (rc == CNNSCORE_OK) rc = cnnscore_start(&inside, err);
    return rc == CNNSCORE_OK ? inside->open(options, engine, err) : rc;
}

int cnnscore_engine_describe(const cnnscore_engine *engine, cnnscore_engine_description *description,
                             cnnscore_error *err) {
    ERROR_OR_OWN(err);
    if (!engine || !description)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "engine_describe: engine or description is NULL");
    int rc = check_size(description->struct_size, sizeof *description, "cnnscore_engine_description", err);
    const cnnscore_inside *inside = NULL;
    if (rc == CNNSCORE_OK) rc = cnnscore_started(&inside, err);
    return rc == CNNSCORE_OK ? inside->describe(engine, description, err) : rc;
}

/* Empties n scores, which hold NaN from here on. */
static int take(const cnnscore_engine *engine, float *scores, int64_t n, const cnnscore_inside **inside,
                cnnscore_error *err) {
    if (!scores && n != 0) return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "engine: scores is NULL");
    for (int64_t i = 0; i < n; i++) scores[i] = NAN;
    if (!engine) return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "engine: engine is NULL");
    return cnnscore_started(inside, err);
}

/* Checks a request to score sites. */
static int prepare(const cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores,
                   const cnnscore_inside **inside, cnnscore_error *err) {
    if (!batch) return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "engine: batch is NULL");
    /* An older layout, or none: n_sites may not be where we would read it. Newer ones only append. */
    if (batch->struct_size < sizeof *batch) return cnnscore_batch_check(batch, err);
    int rc = take(engine, scores, batch->n_sites, inside, err);
    return rc == CNNSCORE_OK ? cnnscore_batch_check(batch, err) : rc;
}

/* The same of alleles: only a batch that is sound says how many there are. */
static int prepare_alleles(const cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores,
                           const cnnscore_inside **inside, cnnscore_error *err) {
    if (!batch) return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "engine: batch is NULL");
    int rc = cnnscore_batch_check(batch, err);
    if (rc != CNNSCORE_OK) return rc;
    int32_t n_sites = batch->n_sites;
    int64_t n = n_sites ? batch->site_allele[n_sites] - batch->site_allele[0] - n_sites : 0;
    return take(engine, scores, n, inside, err);
}

int cnnscore_engine_score(cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores,
                          cnnscore_error *err) {
    ERROR_OR_OWN(err);
    const cnnscore_inside *inside = NULL;
    int rc = prepare(engine, batch, scores, &inside, err);
    return rc == CNNSCORE_OK ? inside->score(engine, batch, scores, err) : rc;
}

int cnnscore_engine_score_alleles(cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores,
                                  cnnscore_error *err) {
    ERROR_OR_OWN(err);
    const cnnscore_inside *inside = NULL;
    int rc = prepare_alleles(engine, batch, scores, &inside, err);
    return rc == CNNSCORE_OK ? inside->score_alleles(engine, batch, scores, err) : rc;
}

int cnnscore_engine_submit(cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores,
                           uint64_t *ticket, cnnscore_error *err) {
    ERROR_OR_OWN(err);
    if (!ticket) return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "engine_submit: ticket is NULL");
    *ticket = 0;
    const cnnscore_inside *inside = NULL;
    int rc = prepare(engine, batch, scores, &inside, err);
    return rc == CNNSCORE_OK ? inside->submit(engine, batch, scores, ticket, err) : rc;
}

int cnnscore_engine_collect(cnnscore_engine *engine, uint64_t ticket, cnnscore_error *err) {
    ERROR_OR_OWN(err);
    if (!engine) return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "engine_collect: engine is NULL");
    const cnnscore_inside *inside = NULL;
    int rc = cnnscore_started(&inside, err);
    return rc == CNNSCORE_OK ? inside->collect(engine, ticket, err) : rc;
}

void cnnscore_engine_close(cnnscore_engine *engine) {
    cnnscore_error unread;
    const cnnscore_inside *inside = NULL;
    if (engine && cnnscore_started(&inside, &unread) == CNNSCORE_OK) inside->close(engine, &unread);
}
