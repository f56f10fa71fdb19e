/* cohort_checks.c: what every door checks of a cohort's scores, and says of them. */
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "cohort.h"
#include "grouped.h"
#include "read_groups.h"

static int declare(cnnscore_calls *calls, const char *kind, const char *key, const char *type,
                   const char *before, const char *what, cnnscore_error *err) {
    kstring_t line = KS_INITIALIZE;
    int length =
        ksprintf(&line, "##%s=<ID=%s,Number=1,Type=%s,Description=\"%s%s\">", kind, key, type, before, what);
    int code = length < 0 ? cnnscore_fail_memory(err) : cnnscore_calls_add_header(calls, line.s, err);
    ks_free(&line);
    return code;
}

static int check_free(const cnnscore_calls *calls, int level, const char *kind, const char *key,
                      cnnscore_error *err) {
    int id = bcf_hdr_id2int(calls->header, BCF_DT_ID, key);
    if (id < 0 || !bcf_hdr_idinfo_exists(calls->header, level, id)) return CNNSCORE_OK;
    return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s has %s/%s already: replace it with `overwrite=`",
                         calls->given, kind, key);
}

int cnnscore_calls_add_cohort_scores(cnnscore_calls *calls, const cnnscore_cohort_keys *keys,
                                     const cnnscore_score_lines *l, int32_t overwrite, cnnscore_error *err) {
    if (keys->struct_size != sizeof *keys || l->struct_size != sizeof *l)
        return cnnscore_fail(err, CNNSCORE_ERR_INTERNAL, "cnnscore_cohort_keys of another version");
    int code = CNNSCORE_OK;
    if (!overwrite) {
        code = check_free(calls, BCF_HL_FMT, "FORMAT", keys->carrier, err);
        if (code == CNNSCORE_OK) code = check_free(calls, BCF_HL_INFO, "INFO", keys->site, err);
        if (code == CNNSCORE_OK) code = check_free(calls, BCF_HL_INFO, "INFO", keys->number, err);
    }
    if (code == CNNSCORE_OK)
        code = declare(calls, "FORMAT", keys->carrier, "Float",
                       "Of samples that carry an ALT allele: ", l->description, err);
    if (code == CNNSCORE_OK)
        code = declare(calls, "INFO", keys->site, "Float",
                       "Log-odds that at least one carrier is real, by their FORMAT/", keys->carrier, err);
    if (code == CNNSCORE_OK)
        code = declare(calls, "INFO", keys->number, "Integer", "Carriers with a FORMAT/", keys->carrier, err);
    if (code == CNNSCORE_OK) code = cnnscore_calls_add_model(calls, keys->carrier, l, false, err);
    if (code == CNNSCORE_OK) code = cnnscore_calls_add_model(calls, keys->site, l, true, err);
    return code;
}

int cnnscore_check_cohort_network(const char *model, int32_t looks_at_reads, const char *annotations_from,
                                  cnnscore_error *err) {
    bool from_reads = strcmp(annotations_from, "reads") == 0 || strcmp(annotations_from, "fill") == 0;
    if (!looks_at_reads)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "the network %s does not look at reads, which a sample map names", model);
    if (!from_reads)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "carriers of a cohort get their annotations from their reads, and the network "
                             "%s takes them from %s: take one that does, as reads; a server without "
                             "`annotations_from=caller`",
                             model, *annotations_from ? annotations_from : "where its server does not say");
    return CNNSCORE_OK;
}

int cnnscore_check_carriers(const cnnscore_calls *calls, int64_t carriers, int64_t scored,
                            cnnscore_error *err) {
    if (scored > 0 || carriers == 0) return CNNSCORE_OK;
    return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                         "no carrier of %s has a finite score: no ALT allele that a genotype holds could be "
                         "looked at",
                         calls->given);
}

int32_t cnnscore_warn_of_carriers(int64_t carriers, int64_t empty, cnnscore_error *warning) {
    if (2 * empty <= carriers || empty == 0) return 0;
    cnnscore_fail(warning, CNNSCORE_OK,
                  "no read lies over the site of %s of %s carriers: are the reads of these samples whole?",
                  cnnscore_grouped(empty).text, cnnscore_grouped(carriers).text);
    return 1;
}

int32_t cnnscore_warn_of_short_reads(const cnnscore_calls *calls, const int64_t *counted,
                                     const int64_t *too_short, cnnscore_error *warning) {
    cnnscore_names names = {0};
    int32_t n = cnnscore_calls_samples(calls), read = 0, are_short = 0;
    for (int32_t i = 0; i < n; i++) {
        read += counted[i] > 0;
        if (2 * too_short[i] <= counted[i]) continue;
        are_short++;
        cnnscore_names_add(&names, cnnscore_calls_sample_name(calls, i));
    }
    char *text = cnnscore_names_text(&names);
    if (are_short)
        cnnscore_fail(warning, CNNSCORE_OK,
                      "most reads of %s of %s samples are shorter than %d bases, which no network was tested "
                      "on: do not trust the scores of %s without a truth set",
                      cnnscore_grouped(are_short).text, cnnscore_grouped(read).text, CNNSCORE_SHORTEST_READ,
                      text ? text : "these");
    free(text);
    cnnscore_names_free(&names);
    return are_short > 0;
}
