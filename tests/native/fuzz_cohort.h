/* fuzz_cohort.h: carriers of whatever records there are, and their scores. */
#ifndef CNNSCORE_FUZZ_COHORT_H
#define CNNSCORE_FUZZ_COHORT_H

#include <stdlib.h>
#include <string.h>

#include "cohort.h"
#include "fuzz_planes.h"
#include "window.h"

#define CALL_READS 6 /* reads per site of a call file */

static const char *const COHORT[] = {"##FORMAT=<ID=CNN_READS,Number=1,Type=Float,Description=\"score\">",
                                     "##INFO=<ID=CNN_SITE,Number=1,Type=Float,Description=\"score\">",
                                     "##FORMAT=<ID=FT,Number=1,Type=String,Description=\"filter\">",
                                     "##INFO=<ID=CNN_N,Number=1,Type=Integer,Description=\"number\">"};

static int declare_cohort(cnnscore_calls *calls, cnnscore_error *err) {
    int code = CNNSCORE_OK;
    for (size_t i = 0; code == CNNSCORE_OK && i < sizeof COHORT / sizeof *COHORT; i++)
        code = cnnscore_calls_add_header(calls, COHORT[i], err);
    return code;
}

/* FT of records that were written, and genotypes that are none any more. */
static void filter_carriers(const cnnscore_carriers *carriers, cnnscore_records *records, float *scores,
                            int64_t n) {
    static const char *const names[] = {"F1", "Another"};
    cnnscore_error err;
    int32_t *verdict = malloc(((size_t)n + 1) * sizeof *verdict);
    REQUIRE(verdict);
    for (int64_t i = 0; i < n; i++) verdict[i] = (int32_t)(i % 5) - 3;
    REQUIRE(cnnscore_carriers_numbers(carriers, records, "CNN_READS", scores, &err) == CNNSCORE_OK);
    for (int again = 0; again < 2; again++) {
        const cnnscore_genotype_filtering f = {sizeof f, names, verdict, again, !again};
        int64_t emptied = cnnscore_carriers_filter(carriers, records, &f, &err);
        REQUIRE(emptied >= 0);
    }
    free(verdict);
}

/* The carriers of two fillings, sample by sample: as many, each with its own alleles. */
static void order_carriers(const cnnscore_carriers *carriers) {
    const cnnscore_carriers *const parts[] = {carriers, carriers};
    const cnnscore_window_batch *own = cnnscore_carriers_sites(carriers);
    cnnscore_by_sample *ordered = cnnscore_by_sample_new();
    cnnscore_error err;
    REQUIRE(ordered && cnnscore_by_sample_fill(ordered, parts, 2, &err) == CNNSCORE_OK);
    const cnnscore_window_batch *sites = cnnscore_by_sample_sites(ordered);
    const int32_t *sample = cnnscore_by_sample_sample(ordered);
    REQUIRE(sites->n_sites == 2 * own->n_sites);
    for (int32_t i = 0; i < sites->n_sites; i++) {
        int64_t from = cnnscore_by_sample_number(ordered)[i] % own->n_sites;
        int64_t first = sites->site_allele[i], last = sites->site_allele[i + 1];
        int64_t begin = own->allele_offset[own->site_allele[from]];
        int64_t end = own->allele_offset[own->site_allele[from + 1]];
        REQUIRE(i == 0 || sample[i - 1] <= sample[i]);
        REQUIRE(sites->pos[i] == own->pos[from] && sites->contig[i] == own->contig[from]);
        REQUIRE(last - first == own->site_allele[from + 1] - own->site_allele[from]);
        REQUIRE(sites->allele_offset[last] - sites->allele_offset[first] == end - begin);
        REQUIRE(memcmp(sites->alleles + sites->allele_offset[first], own->alleles + begin,
                       (size_t)(end - begin)) == 0);
    }
    cnnscore_by_sample_free(ordered);
}

/* The records with a score for each carrier of theirs, but one of three samples has no reads. */
static int write_carriers(cnnscore_writer *writer, const cnnscore_calls *calls, cnnscore_records *records,
                          cnnscore_reader *call_reader, cnnscore_windows *windows, cnnscore_error *err) {
    const cnnscore_cohort_keys keys = {sizeof keys, "CNN_READS", "CNN_SITE", "CNN_N"};
    int32_t n_samples = cnnscore_calls_samples(calls);
    uint8_t *wanted = malloc((size_t)n_samples + 1);
    cnnscore_carriers *carriers = cnnscore_carriers_new();
    REQUIRE(wanted && carriers);
    for (int32_t i = 0; i < n_samples; i++) wanted[i] = i % 3 != 2;
    int code = cnnscore_carriers_find(carriers, records, wanted, err);
    if (code == CNNSCORE_OK) {
        const cnnscore_window_batch *sites = cnnscore_carriers_sites(carriers);
        const cnnscore_carrier_columns *columns = cnnscore_carriers_columns(carriers);
        REQUIRE(sites->n_sites == columns->n);
        order_carriers(carriers);
        float *scores = malloc(((size_t)columns->n + 1) * sizeof *scores);
        REQUIRE(scores);
        for (int64_t i = 0; i < columns->n; i++) {
            REQUIRE(wanted[columns->sample[i]] && sites->site_allele[i + 1] - sites->site_allele[i] >= 2);
            scores[i] = i % 5 == 4 ? (float)strtod("nan", NULL) : (float)(i % 7 - 3) * 1e3f;
        }
        int32_t n = 0; /* of one batch, as far as there is room for its planes */
        code = cnnscore_reader_read(call_reader, sites, 0, 1, windows, err);
        if (code == CNNSCORE_OK) n = cnnscore_windows_batch(windows)->n_sites;
        if (n > 0 && n <= MAX_SITES) check_and_encode(cnnscore_windows_batch(windows), CALL_READS);
        if (code != CNNSCORE_OK) REQUIRE_SAID(code == CNNSCORE_ERR_INPUT, err);
        code = cnnscore_writer_write_carriers(writer, records, carriers, &keys, scores, err);
        if (code == CNNSCORE_OK) filter_carriers(carriers, records, scores, columns->n);
        free(scores);
    }
    cnnscore_carriers_free(carriers);
    free(wanted);
    return code;
}

#endif
