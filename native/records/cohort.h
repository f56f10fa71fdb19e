/* cohort.h: records of many samples -> one site for each carrier; scores of carriers -> records. */
#ifndef CNNSCORE_COHORT_H
#define CNNSCORE_COHORT_H

#include "checks.h"
#include "records.h"

/* cdef begin */

/* What is in flight as a whole: a block of so many fillings of records at most, each of so many records, and
 * full with so many carriers. They are put in the order of their samples, so that a sample's reads are opened
 * once. */
#define CNNSCORE_COHORT_RECORDS 4096
#define CNNSCORE_COHORT_READS 8
#define CNNSCORE_COHORT_CARRIERS 32768

/* A carrier is a sample whose genotype holds an ALT allele that is a sequence. */
typedef struct cnnscore_carriers cnnscore_carriers;
typedef struct {
    int64_t n;
    const int32_t *record; /* [n] number of the record, ascending; */
    const int32_t *sample; /* [n] of its sample column, ascending within a record */
    const int64_t *unread; /* [samples] carriers of each sample that are not wanted */
} cnnscore_carrier_columns;

cnnscore_carriers *cnnscore_carriers_new(void);
void cnnscore_carriers_free(cnnscore_carriers *carriers);

/* Find the carriers among the samples with wanted[sample] != 0. Each is a site of its own, as a file of its
 * sample alone would have it: of the record's alleles REF and those ALTs that the genotype holds, without the
 * bases that all of them end in; for QUAL how much less likely the genotype without ALT alleles is than the
 * best, by the sample's PL or GL, NaN where it has none; no other annotation. So neither other samples nor
 * their alleles are in it. */
int cnnscore_carriers_find(cnnscore_carriers *carriers, cnnscore_records *records, const uint8_t *wanted,
                           cnnscore_error *err);
/* The site columns of the carriers; contig columns are those of the records. Valid until records or carriers
 * are filled again. */
const cnnscore_window_batch *cnnscore_carriers_sites(const cnnscore_carriers *carriers);
const cnnscore_carrier_columns *cnnscore_carriers_columns(const cnnscore_carriers *carriers);

/* Carriers of several fillings of records, in the order of their samples. */
typedef struct cnnscore_by_sample cnnscore_by_sample;
cnnscore_by_sample *cnnscore_by_sample_new(void);
void cnnscore_by_sample_free(cnnscore_by_sample *by_sample);
int cnnscore_by_sample_fill(cnnscore_by_sample *by_sample, const cnnscore_carriers *const *parts, int32_t n,
                            cnnscore_error *err);
/* Their site columns; valid while those of the parts are. */
const cnnscore_window_batch *cnnscore_by_sample_sites(const cnnscore_by_sample *by_sample);
/* Of each [n] the sample column, and its number among the carriers of all parts one after the other. */
const int32_t *cnnscore_by_sample_sample(const cnnscore_by_sample *by_sample);
const int64_t *cnnscore_by_sample_number(const cnnscore_by_sample *by_sample);

/* USAGE for a network that cannot score carriers: one that does not look at reads, or does not work
 * annotations out from them. Carriers bring none, so "fill" is as good as "reads". */
int cnnscore_check_cohort_network(const char *model, int32_t looks_at_reads, const char *annotations_from,
                                  cnnscore_error *err);
/* INPUT where there were carriers to score and none has a score. */
int cnnscore_check_carriers(const cnnscore_calls *calls, int64_t carriers, int64_t scored,
                            cnnscore_error *err);
/* Whether no read lies over the sites of most of the carriers that reads were asked for; the warning. */
int32_t cnnscore_warn_of_carriers(int64_t carriers, int64_t empty, cnnscore_error *warning);
/* Whether there are samples most of whose reads are shorter than CNNSCORE_SHORTEST_READ; the warning. Of each
 * sample column [samples] the reads that count, and how many of these are so short. */
int32_t cnnscore_warn_of_short_reads(const cnnscore_calls *calls, const int64_t *counted,
                                     const int64_t *too_short, cnnscore_error *warning);

/* The log-odds that a site is real, of those of its carriers: between their mean and the best of them,
 * mean + CNNSCORE_SITE_BEST (best - mean). Of one carrier its own. Their number is not in it: an artefact of
 * the sequence is in all samples, and no surer for that. NaN are left out; NaN where nothing is left. Sorts
 * `scores`: their order does not matter. */
double cnnscore_site_score(float *scores, int64_t n);

/* Keys that a cohort's scores go to. */
typedef struct {
    uint32_t struct_size;
    const char *carrier; /* FORMAT: of each carrier */
    const char *site;    /* INFO: of the record, cnnscore_site_score of its carriers' as they are written */
    const char *number;  /* INFO: carriers with a score */
} cnnscore_cohort_keys;
/* Declare the keys, and say in the header which network made the scores: its cut-offs of single samples with
 * the carriers', those of sites with the sites'. INPUT where the calls have one of the keys and it is not to
 * be replaced. `lines` are of the carriers' scores; their key is keys->carrier. */
int cnnscore_calls_add_cohort_scores(cnnscore_calls *calls, const cnnscore_cohort_keys *keys,
                                     const cnnscore_score_lines *lines, int32_t overwrite,
                                     cnnscore_error *err);
/* Write the records with the carriers' scores [n], at three decimals. Samples that are no carriers, and NaN,
 * are missing; a record without a score has none of the keys. */
int cnnscore_writer_write_carriers(cnnscore_writer *writer, cnnscore_records *records,
                                   const cnnscore_carriers *carriers, const cnnscore_cohort_keys *keys,
                                   const float *scores, cnnscore_error *err);

/* FORMAT `key` of each carrier [n]; NaN where it has none. */
int cnnscore_carriers_numbers(const cnnscore_carriers *carriers, const cnnscore_records *records,
                              const char *key, float *values, cnnscore_error *err);
/* What filtering writes of genotypes. */
typedef struct {
    uint32_t struct_size;
    const char *const *names; /* the FILTERs that `verdict` counts */
    const int32_t *verdict;   /* [n] of each carrier: index into names, -1: kept, below: not judged */
    int32_t clear;            /* drop the FORMAT/FT that genotypes come with */
    int32_t no_calls;         /* set genotypes whose FT names a filter to missing */
} cnnscore_genotype_filtering;
/* Set FORMAT/FT of the records: the names that failed each genotype, sorted, else PASS; `.` of one that
 * nobody judged. Where genotypes are set to missing, they keep their copies, and AC, AN and AF of the record,
 * if it has them, are counted anew. Returns how many genotypes that held an allele hold none now, or a
 * negative code. */
int64_t cnnscore_carriers_filter(const cnnscore_carriers *carriers, cnnscore_records *records,
                                 const cnnscore_genotype_filtering *filtering, cnnscore_error *err);
/* [N] 1 where FORMAT/FT of the column `sample` names a filter. */
int cnnscore_records_genotype_filtered(const cnnscore_records *records, int32_t sample, uint8_t *filtered,
                                       cnnscore_error *err);

/* cdef end */

/* Fitted on simulated cohorts: tests/bench/cohort_accuracy.py (docs/tasks/cohorts.md). */
#define CNNSCORE_SITE_BEST 0.35

/* INFO keys of a cohort's scores, at every door. */
#define CNNSCORE_SITE_KEY "CNN_SITE"
#define CNNSCORE_NUMBER_KEY "CNN_N"

#endif
