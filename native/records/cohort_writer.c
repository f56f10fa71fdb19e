/* cohort_writer.c: records with the scores of their carriers, and what they say of the site. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "cohort.h"

static int compare_scores(const void *left, const void *right) {
    const float *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

double cnnscore_site_score(float *scores, int64_t n) {
    int64_t known = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(scores[i])) scores[known++] = scores[i];
    if (known == 0) return NAN;
    /* One order of the sum, whatever that of the samples. */
    qsort(scores, (size_t)known, sizeof *scores, compare_scores);
    double best = (double)scores[known - 1], sum = 0;
    for (int64_t i = 0; i < known; i++) sum += (double)scores[i];
    double mean = sum / (double)known;
    return mean + CNNSCORE_SITE_BEST * (best - mean);
}

/* Set the keys of a record to its n carriers' scores; `values` has room for each sample, `known` for each
 * carrier. */
static int set_keys(bcf_hdr_t *header, bcf1_t *record, const cnnscore_cohort_keys *keys,
                    const int32_t *samples, const float *scores, int64_t n, float *values, float *known) {
    int32_t n_samples = (int32_t)record->n_sample, n_known = 0;
    for (int32_t i = 0; i < n_samples; i++) bcf_float_set_missing(values[i]);
    for (int64_t i = 0; i < n; i++)
        if (!isnan(scores[i])) values[samples[i]] = known[n_known++] = cnnscore_printed_score(scores[i]);
    if (bcf_update_format_float(header, record, keys->carrier, n_known ? values : NULL,
                                n_known ? n_samples : 0) < 0)
        return -1;
    float site = cnnscore_printed_score((float)cnnscore_site_score(known, n_known));
    if (bcf_update_info_float(header, record, keys->site, n_known ? &site : NULL, n_known > 0) < 0) return -1;
    return bcf_update_info_int32(header, record, keys->number, n_known ? &n_known : NULL, n_known > 0);
}

int cnnscore_writer_write_carriers(cnnscore_writer *writer, cnnscore_records *records,
                                   const cnnscore_carriers *carriers, const cnnscore_cohort_keys *keys,
                                   const float *scores, cnnscore_error *err) {
    if (keys->struct_size != sizeof *keys)
        return cnnscore_fail(err, CNNSCORE_ERR_INTERNAL, "cnnscore_cohort_keys of another version");
    bcf_hdr_t *header = cnnscore_writer_calls(writer)->header;
    const cnnscore_carrier_columns *columns = cnnscore_carriers_columns(carriers);
    size_t n_samples = (size_t)bcf_hdr_nsamples(header);
    float *values = malloc((2 * n_samples + 1) * sizeof *values);
    if (!values) return cnnscore_fail_memory(err);
    int code = CNNSCORE_OK;
    int64_t first = 0, end = 0;
    for (int32_t i = 0; code == CNNSCORE_OK && i < records->n; i++, first = end) {
        bcf1_t *record = records->record[i];
        while (end < columns->n && columns->record[end] == i) end++;
        if (set_keys(header, record, keys, columns->sample + first, scores + first, end - first, values,
                     values + n_samples) < 0)
            code = cnnscore_fail(err, CNNSCORE_ERR_INTERNAL, "cannot set FORMAT/%s of %s:%lld", keys->carrier,
                                 bcf_hdr_id2name(header, record->rid), (long long)record->pos + 1);
        else
            code = cnnscore_writer_put(writer, record, err);
    }
    free(values);
    return code;
}
