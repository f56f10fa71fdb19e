/* annotations.c: annotations that are not there, or are not what GATK's callers write. */
#include "annotations.h"

#include <htslib/kstring.h>
#include <math.h>
#include <string.h>

#include "allele.h"
#include "calls.h"
#include "checks.h"
#include "grouped.h"

/* What GATK's callers write of a single sample, docs/reference/errors.md says why. Not of `always`: only
 * where reads have both alleles. Vectors: tests/golden/twins.json. */
typedef struct {
    const char *key;
    double low, high;
    bool always;
} usual;

static const usual USUAL[] = {
    {"MQ", 0, 70, true},
    {"DP", 0, 500, true},
    {"SOR", 0, 13, true},
    {"FS", 0, 1200, true},
    {"QD", 0, 45, true},
    {"MQRankSum", -20, 20, false},
    {"ReadPosRankSum", -20, 20, false},
};
enum { N_USUAL = sizeof USUAL / sizeof *USUAL };

/* Records that show that an annotation is not written at all where both alleles are seen. */
#define ENOUGH_FOR_BOTH 100

/* What is said of annotations; the order is that of the warnings. */
typedef enum { UNDECLARED, LACKING, OUTSIDE, HIGH_DEPTH, N_FAULTS } fault;

static const usual *usual_of(const char *key) {
    for (size_t i = 0; i < N_USUAL; i++)
        if (strcmp(USUAL[i].key, key) == 0) return &USUAL[i];
    return NULL;
}

/* ---- counts ---- */

static bool has_sequence(const cnnscore_window_batch *sites, int32_t site) {
    int64_t ref = sites->site_allele[site], end = sites->site_allele[site + 1];
    const int64_t *offset = sites->allele_offset;
    cnnscore_allele allele;
    for (int64_t alt = ref + 1; alt < end; alt++)
        if (cnnscore_allele_trim(&allele, sites->pos[site], sites->alleles + offset[ref],
                                 offset[ref + 1] - offset[ref], sites->alleles + offset[alt],
                                 offset[alt + 1] - offset[alt]))
            return true;
    return false;
}

void cnnscore_annotations_count(cnnscore_calls *calls, const cnnscore_window_batch *sites) {
    size_t n = (size_t)calls->n_annotations;
    for (int32_t i = 0; n > 0 && i < sites->n_sites; i++) {
        if (!has_sequence(sites, i)) continue; /* the blocks of a gVCF have neither */
        for (size_t a = 0; a < n; a++) {
            const usual *range = usual_of(calls->annotation[a]);
            double value = (double)sites->annotations[(size_t)i * n + a];
            calls->annotation_counts[a].records++;
            calls->annotation_counts[a].known += !isnan(value);
            calls->annotation_counts[a].outside += range && (value < range->low || value > range->high);
        }
    }
}

void cnnscore_calls_count_annotations(const cnnscore_calls *calls, cnnscore_annotation_counts *counts) {
    memcpy(counts, calls->annotation_counts, (size_t)calls->n_annotations * sizeof *counts);
}

void cnnscore_calls_add_annotation_counts(cnnscore_calls *calls, const cnnscore_annotation_counts *counts) {
    for (int32_t a = 0; a < calls->n_annotations; a++) {
        calls->annotation_counts[a].records += counts[a].records;
        calls->annotation_counts[a].known += counts[a].known;
        calls->annotation_counts[a].outside += counts[a].outside;
    }
}

/* ---- what is said of them ---- */

static bool is_lacking(const usual *range, const cnnscore_annotation_counts *counts) {
    if (range && !range->always)
        return counts->records >= ENOUGH_FOR_BOTH && 20 * counts->known < counts->records;
    return 2 * counts->known < counts->records;
}

/* The worst fault of an annotation; N_FAULTS: none. */
static fault fault_of(const cnnscore_calls *calls, int32_t a) {
    const cnnscore_annotation_counts *counts = &calls->annotation_counts[a];
    const usual *range = usual_of(calls->annotation[a]);
    bool is_info = strcmp(calls->annotation[a], "QUAL") != 0;
    if (counts->records == 0) return N_FAULTS;
    if (is_info && !counts->known && !cnnscore_calls_has_info(calls, calls->annotation[a])) return UNDECLARED;
    if (is_lacking(range, counts)) return LACKING;
    if (4 * counts->outside > counts->known)
        return strcmp(calls->annotation[a], "DP") == 0 ? HIGH_DEPTH : OUTSIDE;
    return N_FAULTS;
}

/* One annotation, as the list of those with this fault has it. */
static void add_to_list(kstring_t *list, const cnnscore_calls *calls, int32_t a, fault which) {
    const cnnscore_annotation_counts *counts = &calls->annotation_counts[a];
    const usual *range = usual_of(calls->annotation[a]);
    int64_t of = which == LACKING ? counts->records : counts->known;
    int64_t faulty = which == LACKING ? counts->records - counts->known : counts->outside;
    if (list->l) kputs(", ", list);
    if (which != HIGH_DEPTH) kputs(calls->annotation[a], list);
    if (which == LACKING) kputs(" in ", list);
    if (range && (which == OUTSIDE || which == HIGH_DEPTH))
        ksprintf(list, "%snot between %g and %g in ", which == OUTSIDE ? " " : "", range->low, range->high);
    if (which != UNDECLARED)
        ksprintf(list, "%s of %s records", cnnscore_grouped(faulty).text, cnnscore_grouped(of).text);
}

static void say(fault which, const char *calls, const char *list, const char *model,
                cnnscore_error *warning) {
    static const char *const zero =
        "takes 0 for them, as GATK does, and gives low scores. `gatk VariantAnnotator` writes them; "
        "cnnscore's own network reads does without";
    if (which == UNDECLARED)
        cnnscore_fail(warning, CNNSCORE_OK, "%s declares no INFO/%s: %s %s", calls, list, model, zero);
    else if (which == LACKING)
        cnnscore_fail(warning, CNNSCORE_OK, "%s lacks INFO/%s: %s %s", calls, list, model, zero);
    else if (which == OUTSIDE)
        cnnscore_fail(
            warning, CNNSCORE_OK,
            "%s has what GATK's callers do not write, INFO/%s: %s has not seen such values, and its "
            "scores may be wrong. `gatk VariantAnnotator` writes them anew; cnnscore's own network "
            "reads does without",
            calls, list, model);
    else
        cnnscore_fail(
            warning, CNNSCORE_OK,
            "INFO/DP of %s is %s: %s has not seen such depths, and gives low scores. DP of a cohort "
            "is that of all samples: `gatk SelectVariants -sn SAMPLE` works it out for one; "
            "cnnscore's own networks (reads, reference) do not look at it",
            calls, list, model);
}

/* Of what a network takes, QUAL and depth are every caller's; the rest some callers do not write. */
static bool is_of_some_callers(const char *key) {
    return strcmp(key, "QUAL") != 0 && strcmp(key, "RelativeDepth") != 0;
}

/* Without reads, a network of ours has little but the caller's annotations to look at. */
static bool say_little_is_known(const cnnscore_calls *calls, const char *model, cnnscore_error *warning) {
    kstring_t list = KS_INITIALIZE;
    int64_t asked = 0, known = 0;
    for (int32_t a = 0; a < calls->n_annotations; a++) {
        if (!is_of_some_callers(calls->annotation[a])) continue;
        asked += calls->annotation_counts[a].records;
        known += calls->annotation_counts[a].known;
        ksprintf(&list, "%s%s", list.l ? ", " : "", calls->annotation[a]);
    }
    bool little = 2 * known < asked;
    if (little)
        cnnscore_fail(warning, CNNSCORE_OK,
                      "%s lacks most of %s, and %s looks at no reads: it can tell few false calls from true "
                      "ones, and filtering by its scores removes few. Give the reads to `reads`",
                      calls->given, list.s, model);
    ks_free(&list);
    return little;
}

int32_t cnnscore_calls_warn_of_annotations(const cnnscore_calls *calls, const char *encoding,
                                           const char *model, int32_t i, cnnscore_error *warning) {
    if (strcmp(encoding, "reference") == 0) return i == 0 && say_little_is_known(calls, model, warning);
    if (!cnnscore_is_gatks(encoding)) return 0;
    for (fault which = 0; which < N_FAULTS; which++) {
        kstring_t list = KS_INITIALIZE;
        for (int32_t a = 0; a < calls->n_annotations; a++)
            if (fault_of(calls, a) == which) add_to_list(&list, calls, a, which);
        bool is_this = list.l > 0 && i-- == 0;
        if (is_this) say(which, calls->given, list.s, model, warning);
        ks_free(&list);
        if (is_this) return 1;
    }
    return 0;
}
