/* genotype_filter.c: verdicts of carriers -> FORMAT/FT, and genotypes that are none any more. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "cohort.h"
#include "grow.h"

int cnnscore_carriers_numbers(const cnnscore_carriers *carriers, const cnnscore_records *records,
                              const char *key, float *values, cnnscore_error *err) {
    const cnnscore_carrier_columns *columns = cnnscore_carriers_columns(carriers);
    const bcf_hdr_t *header = records->calls->header;
    int id = bcf_hdr_id2int(header, BCF_DT_ID, key);
    const bcf_fmt_t *format = NULL;
    int32_t last = -1;
    for (int64_t i = 0; i < columns->n; i++) {
        bcf1_t *record = records->record[columns->record[i]];
        if (columns->record[i] != last) {
            last = columns->record[i];
            if (bcf_unpack(record, BCF_UN_FMT) < 0)
                return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: the FORMAT of %s:%lld is malformed",
                                     records->calls->path, bcf_hdr_id2name(header, record->rid),
                                     (long long)record->pos + 1);
            format = id < 0 ? NULL : bcf_get_fmt_id(record, id);
        }
        bool known = format && format->p && format->n > 0 && columns->sample[i] < (int32_t)record->n_sample;
        const uint8_t *at = known ? format->p + (size_t)columns->sample[i] * (size_t)format->size : NULL;
        values[i] = known ? (float)cnnscore_number_at(at, format->type, format->n, 0) : NAN;
    }
    return CNNSCORE_OK;
}

static bool is_none(const char *filter) {
    return !*filter || *filter == bcf_str_missing || strcmp(filter, ".") == 0 || strcmp(filter, "PASS") == 0;
}

int cnnscore_records_genotype_filtered(const cnnscore_records *records, int32_t sample, uint8_t *filtered,
                                       cnnscore_error *err) {
    const bcf_hdr_t *header = records->calls->header;
    int id = bcf_hdr_id2int(header, BCF_DT_ID, "FT");
    for (int32_t i = 0; i < records->n; i++) {
        bcf1_t *record = records->record[i];
        filtered[i] = 0;
        if (bcf_unpack(record, BCF_UN_FMT) < 0)
            return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: the FORMAT of %s:%lld is malformed",
                                 records->calls->path, bcf_hdr_id2name(header, record->rid),
                                 (long long)record->pos + 1);
        const bcf_fmt_t *format = id < 0 ? NULL : bcf_get_fmt_id(record, id);
        if (!format || !format->p || format->type != BCF_BT_CHAR || sample >= (int32_t)record->n_sample)
            continue;
        const char *text = (const char *)format->p + (size_t)sample * (size_t)format->size;
        size_t length = strnlen(text, (size_t)format->size);
        bool passes = length == 0 || *text == bcf_str_missing || (length == 1 && *text == '.') ||
                      (length == 4 && strncmp(text, "PASS", length) == 0);
        filtered[i] = !passes;
    }
    return CNNSCORE_OK;
}

/* Room for one record after another. */
typedef struct {
    char **text; /* [samples] FT */
    kstring_t *ft;
    bool *fails;
    char **part; /* of one FT */
    size_t part_capacity;
    int32_t *genotypes, *counts;
    int genotype_capacity;
    size_t count_capacity;
    float *frequency;
    size_t frequency_capacity;
    char *given; /* the FT that there was */
    int given_capacity;
    int64_t emptied;
} scratch;

static int compare_texts(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* FT of one genotype: the filters of `given` (cut up here; NULL: none) and `name`, sorted, each once; PASS
 * where it was judged and fails none. */
static int join(scratch *s, int32_t sample, char *given, const char *name, bool judged) {
    size_t n = 0;
    kstring_t *ft = &s->ft[sample];
    bool passed = given && strcmp(given, "PASS") == 0;
    for (char *left = given, *one; left && (one = strsep(&left, ";")) != NULL;) {
        if (is_none(one)) continue;
        if (cnnscore_reserve(&s->part, &s->part_capacity, n + 2, sizeof *s->part) < 0) return -1;
        s->part[n++] = one;
    }
    if (cnnscore_reserve(&s->part, &s->part_capacity, n + 2, sizeof *s->part) < 0) return -1;
    if (name) s->part[n++] = (char *)(uintptr_t)name; /* only read */
    qsort(s->part, n, sizeof *s->part, compare_texts);
    ft->l = 0;
    for (size_t i = 0; i < n; i++) {
        if (i && strcmp(s->part[i], s->part[i - 1]) == 0) continue;
        if ((ft->l && kputc(';', ft) < 0) || kputs(s->part[i], ft) < 0) return -1;
    }
    s->fails[sample] = n > 0;
    return n == 0 && kputs(judged || passed ? "PASS" : ".", ft) < 0 ? -1 : 0;
}

static int set_ft(scratch *s, bcf_hdr_t *header, bcf1_t *record, const cnnscore_genotype_filtering *f,
                  const int32_t *samples, const int32_t *verdict, int64_t n) {
    int32_t n_samples = (int32_t)record->n_sample;
    const bcf_fmt_t *format = bcf_get_fmt(header, record, "FT");
    int length = 0, id = bcf_hdr_id2int(header, BCF_DT_ID, "FT");
    if (format && format->p && format->type == BCF_BT_CHAR && !f->clear && id >= 0)
        length = bcf_get_format_char(header, record, "FT", &s->given, &s->given_capacity);
    int width = length > 0 ? length / n_samples : 0;
    kstring_t own = KS_INITIALIZE; /* a text of `width` bytes may have no end of its own */
    bool any = false;
    int64_t carrier = 0;
    int code = 0;
    for (int32_t sample = 0; code == 0 && sample < n_samples; sample++) {
        int32_t judged = -2;
        while (carrier < n && samples[carrier] < sample) carrier++;
        if (carrier < n && samples[carrier] == sample) judged = verdict[carrier];
        own.l = 0;
        const char *given = width ? s->given + (size_t)sample * (size_t)width : "";
        code = kputsn(given, strnlen(given, (size_t)width), &own) < 0 ||
                       join(s, sample, own.s, judged >= 0 ? f->names[judged] : NULL, judged >= -1) < 0
                   ? -1
                   : 0;
        s->text[sample] = s->ft[sample].s;
        any |= code == 0 && strcmp(s->text[sample], ".") != 0;
    }
    ks_free(&own);
    if (code < 0) return -1;
    return bcf_update_format_string(header, record, "FT", any ? (const char **)s->text : NULL,
                                    any ? n_samples : 0);
}

/* AC, AN and AF, where the record has them, by its `n_copies` alleles of all genotypes. */
static int count_alleles(scratch *s, bcf_hdr_t *header, bcf1_t *record, int n_copies) {
    int n = record->n_allele, n_alts = n - 1, total = 0;
    if (cnnscore_reserve(&s->counts, &s->count_capacity, (size_t)n + 1, sizeof *s->counts) < 0 ||
        cnnscore_reserve(&s->frequency, &s->frequency_capacity, (size_t)n + 1, sizeof *s->frequency) < 0)
        return -1;
    memset(s->counts, 0, (size_t)n * sizeof *s->counts);
    for (int i = 0; i < n_copies; i++) {
        if (s->genotypes[i] == bcf_int32_vector_end || bcf_gt_is_missing(s->genotypes[i])) continue;
        int allele = bcf_gt_allele(s->genotypes[i]);
        if (allele < 0 || allele >= n) continue;
        s->counts[allele]++;
        total++;
    }
    for (int a = 1; a < n; a++) {
        if (total)
            s->frequency[a - 1] = (float)((double)s->counts[a] / (double)total);
        else
            bcf_float_set_missing(s->frequency[a - 1]);
    }
    if (n_alts && bcf_get_info(header, record, "AC") &&
        bcf_update_info_int32(header, record, "AC", s->counts + 1, n_alts) < 0)
        return -1;
    if (n_alts && bcf_get_info(header, record, "AF") &&
        bcf_update_info_float(header, record, "AF", s->frequency, n_alts) < 0)
        return -1;
    return bcf_get_info(header, record, "AN") ? bcf_update_info_int32(header, record, "AN", &total, 1) : 0;
}

static int set_no_calls(scratch *s, bcf_hdr_t *header, bcf1_t *record) {
    int n = bcf_get_genotypes(header, record, &s->genotypes, &s->genotype_capacity);
    int32_t n_samples = (int32_t)record->n_sample;
    int ploidy = n > 0 ? n / n_samples : 0;
    int64_t emptied = 0;
    for (int32_t sample = 0; sample < n_samples; sample++) {
        int32_t *copies = s->genotypes + (ptrdiff_t)sample * ploidy;
        bool held = false;
        for (int i = 0; s->fails[sample] && i < ploidy && copies[i] != bcf_int32_vector_end; i++) {
            held |= !bcf_gt_is_missing(copies[i]);
            copies[i] = bcf_gt_missing;
        }
        emptied += held;
    }
    s->emptied += emptied;
    if (emptied == 0) return 0;
    return bcf_update_genotypes(header, record, s->genotypes, n) < 0 ? -1
                                                                     : count_alleles(s, header, record, n);
}

static void free_scratch(scratch *s, size_t n_samples) {
    for (size_t i = 0; s->ft && i < n_samples; i++) ks_free(&s->ft[i]);
    void *const all[] = {s->text, s->ft, s->fails, s->part, s->genotypes, s->counts, s->frequency, s->given};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

int64_t cnnscore_carriers_filter(const cnnscore_carriers *carriers, cnnscore_records *records,
                                 const cnnscore_genotype_filtering *f, cnnscore_error *err) {
    if (f->struct_size != sizeof *f)
        return cnnscore_fail(err, CNNSCORE_ERR_INTERNAL, "cnnscore_genotype_filtering of another version");
    const cnnscore_carrier_columns *columns = cnnscore_carriers_columns(carriers);
    bcf_hdr_t *header = records->calls->header;
    size_t n_samples = (size_t)bcf_hdr_nsamples(header);
    scratch s = {
        .text = calloc(n_samples + 1, sizeof *s.text),
        .ft = calloc(n_samples + 1, sizeof *s.ft),
        .fails = calloc(n_samples + 1, sizeof *s.fails),
    };
    int code = s.text && s.ft && s.fails ? CNNSCORE_OK : cnnscore_fail_memory(err);
    int64_t first = 0, end = 0;
    for (int32_t i = 0; code == CNNSCORE_OK && i < records->n; i++, first = end) {
        bcf1_t *record = records->record[i];
        while (end < columns->n && columns->record[end] == i) end++;
        if (record->n_sample == 0) continue;
        if (set_ft(&s, header, record, f, columns->sample + first, f->verdict + first, end - first) < 0 ||
            (f->no_calls && set_no_calls(&s, header, record) < 0))
            code = cnnscore_fail(err, CNNSCORE_ERR_INTERNAL, "cannot set FORMAT/FT of %s:%lld",
                                 bcf_hdr_id2name(header, record->rid), (long long)record->pos + 1);
    }
    free_scratch(&s, n_samples);
    return code == CNNSCORE_OK ? s.emptied : code;
}
