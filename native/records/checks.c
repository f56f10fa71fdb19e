/* checks.c: what every door checks, in the same words. */
#include "checks.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "cohort.h"
#include "grouped.h"
#include "layout.h"

#define DEPTH_LINE "cnnscore_sample_depth"
#define NAME_THE_SAMPLE "name the one whose reads these are with `sample=`"

/* ASCII alone, whatever the locale. */
static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

int cnnscore_check_info_key(const char *key, cnnscore_error *err) {
    bool good = is_letter(*key);
    for (const char *at = key; good && *at; at++)
        good = is_letter(*at) || (*at >= '0' && *at <= '9') || *at == '.';
    return good ? CNNSCORE_OK
                : cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                                "'%s' cannot be an INFO key: letters, digits, _ and . make one", key);
}

int cnnscore_calls_check_key(const cnnscore_calls *calls, const char *key, int32_t overwrite,
                             cnnscore_error *err) {
    if (overwrite || !cnnscore_calls_has_info(calls, key)) return CNNSCORE_OK;
    return cnnscore_fail(
        err, CNNSCORE_ERR_INPUT,
        "%s has INFO/%s already: replace it with `overwrite=`, or write another with `info_key=`",
        calls->given, key);
}

int cnnscore_calls_check_sample(const cnnscore_calls *calls, const char *sample, int32_t needs_one,
                                cnnscore_error *err) {
    if (sample && cnnscore_calls_sample(calls, sample) < 0)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s has no sample %s: `bcftools query -l` lists those it has", calls->given,
                             sample);
    if (!sample && needs_one && cnnscore_calls_samples(calls) > 1)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s has %d samples: %s", calls->given,
                             cnnscore_calls_samples(calls), NAME_THE_SAMPLE);
    return CNNSCORE_OK;
}

int32_t cnnscore_calls_warn_of_samples(const cnnscore_calls *calls, const char *sample,
                                       cnnscore_error *warning) {
    int32_t n = cnnscore_calls_samples(calls);
    if (sample || n < 2) return 0;
    cnnscore_fail(warning, CNNSCORE_OK,
                  "%s has %d samples: %s; a network without reads scores each record once for all",
                  calls->given, n, NAME_THE_SAMPLE);
    return 1;
}

bool cnnscore_is_gatks(const char *encoding) {
    return strncmp(encoding, "gatk-", strlen("gatk-")) == 0;
}

int32_t cnnscore_warn_of_read_samples(const cnnscore_calls *calls, const cnnscore_reader *reader,
                                      const char *sample, cnnscore_error *warning) {
    int32_t n = cnnscore_reader_n_samples(reader);
    if (sample || n == 0) return 0;
    const char *files = cnnscore_reader_files(reader), *samples = cnnscore_reader_samples(reader);
    const char *own = cnnscore_calls_samples(calls) == 1 ? cnnscore_calls_sample_name(calls, 0) : NULL;
    bool others = own && !cnnscore_reader_has_sample(reader, own);
    if (!others && n == 1) return 0;
    if (others)
        cnnscore_fail(warning, CNNSCORE_OK,
                      "%s has calls of %s, and the read groups of %s are of %s (SM): are these the right "
                      "reads? All of them count",
                      calls->given, own, files, samples);
    else
        cnnscore_fail(warning, CNNSCORE_OK,
                      "the read groups of %s are of %d samples (SM), %s, and all reads count: %s", files, n,
                      samples, NAME_THE_SAMPLE);
    return 1;
}

static bool has_suffix(const char *text, const char *suffix) {
    size_t length = strlen(text), end = strlen(suffix);
    return length >= end && strcmp(text + length - end, suffix) == 0;
}

int32_t cnnscore_is_bed(const char *path) {
    char line[1000];
    unsigned long begin, end;
    int beyond = 0;
    if (has_suffix(path, ".bed") || has_suffix(path, ".bed.gz")) return 1;
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    return read && sscanf(line, "%*[^\t]\t%lu\t%lu%n", &begin, &end, &beyond) == 2 &&
           (line[beyond] == '\0' || isspace((unsigned char)line[beyond]));
}

int cnnscore_calls_add_model(cnnscore_calls *calls, const char *key, const cnnscore_score_lines *l,
                             bool of_sites, cnnscore_error *err) {
    static const char before_sites[] = ";" CNNSCORE_SITE_KEY ";";
    const char *sites = strstr(l->cutoffs, before_sites), *cutoffs = l->cutoffs;
    if (of_sites) cutoffs = sites ? sites + strlen(before_sites) : "";
    size_t n = of_sites || !sites ? strlen(cutoffs) : (size_t)(sites - cutoffs);
    kstring_t line = KS_INITIALIZE;
    int length = ksprintf(&line, "##cnnscore_model=<ID=%s,Model=\"%s\",Network=%s,Version=%s", key, l->model,
                          l->network, l->version);
    if (length >= 0 && strcmp(l->precision, "exact") != 0)
        length = ksprintf(&line, ",Precision=%s", l->precision);
    if (length >= 0) length = ksprintf(&line, n ? ",Cutoffs=\"%.*s\">" : "%.*s>", (int)n, cutoffs);
    int code = length < 0 ? cnnscore_fail_memory(err) : cnnscore_calls_add_header(calls, line.s, err);
    ks_free(&line);
    return code;
}

int cnnscore_calls_add_score(cnnscore_calls *calls, const cnnscore_score_lines *l, cnnscore_error *err) {
    if (l->struct_size != sizeof *l)
        return cnnscore_fail(err, CNNSCORE_ERR_INTERNAL, "cnnscore_score_lines of another version");
    cnnscore_calls_remove_header(calls, DEPTH_LINE, l->key); /* of the scores that are replaced */
    kstring_t line = KS_INITIALIZE;
    int length = ksprintf(&line, "##INFO=<ID=%s,Number=%s,Type=Float,Description=\"%s\">", l->key,
                          l->per_allele ? "A" : "1", l->description);
    int code = length < 0 ? cnnscore_fail_memory(err) : cnnscore_calls_add_header(calls, line.s, err);
    if (code == CNNSCORE_OK) code = cnnscore_calls_add_model(calls, l->key, l, false, err);
    line.l = 0;
    if (code == CNNSCORE_OK) {
        cnnscore_calls_remove_header(calls, CNNSCORE_SHARD_LINE, l->key);
        length = cnnscore_calls_shard_line(calls, l->key, &line);
        if (length < 0) code = cnnscore_fail_memory(err);
        if (length > 0) code = cnnscore_calls_add_header(calls, line.s, err);
    }
    ks_free(&line);
    return code;
}

int cnnscore_calls_add_depth(cnnscore_calls *calls, const char *key, float depth, int32_t given,
                             cnnscore_error *err) {
    char value[32] = "unknown";
    kstring_t line = KS_INITIALIZE;
    if (!isnan(depth)) snprintf(value, sizeof value, "%g", (double)depth);
    int length = ksprintf(&line, "##" DEPTH_LINE "=<ID=%s,Depth=%s,Source=%s>", key, value,
                          given ? "given" : "measured");
    int code = length < 0 ? cnnscore_fail_memory(err) : cnnscore_calls_add_header(calls, line.s, err);
    ks_free(&line);
    return code;
}

/* Sites that a network of this encoding must have a score for. */
static int64_t answerable(const cnnscore_reader_counts *counts, const char *encoding) {
    return cnnscore_is_gatks(encoding) ? counts->records : counts->with_allele;
}

int cnnscore_check_scores(const cnnscore_reader_counts *counts, int64_t scored, const char *encoding,
                          const char *model, cnnscore_error *err) {
    int64_t sites = answerable(counts, encoding);
    if (scored > 0 || sites == 0) return CNNSCORE_OK;
    return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                         "the network %s has no finite score (NaN) for any of the %s sites: its weights are "
                         "damaged, or it cannot take such calls; import or train it again, or take another",
                         model, cnnscore_grouped(sites).text);
}

int32_t cnnscore_warn_of_scores(const cnnscore_reader_counts *counts, int64_t scored, const char *encoding,
                                const char *model, cnnscore_error *warning) {
    int64_t sites = answerable(counts, encoding);
    if (scored >= sites) return 0;
    cnnscore_fail(
        warning, CNNSCORE_OK,
        "the network %s has no finite score (NaN) for %s of %s sites: they are left without one, and "
        "`cnnscore filter` leaves them alone, unless it is told to fail them",
        model, cnnscore_grouped(sites - scored).text, cnnscore_grouped(sites).text);
    return 1;
}
