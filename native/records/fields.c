/* fields.c: any numeric field of records, and genotypes -> columns over alleles. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"

enum { FIELD_QUAL, FIELD_INFO, FIELD_FORMAT };

/* Integer `i` of a packed vector, what stands for none or for the end as in the widest of its types. */
static int32_t integer_at(const uint8_t *at, int type, int i) {
    if (type == BCF_BT_INT8) {
        int8_t value = (int8_t)at[i];
        return value == bcf_int8_missing      ? bcf_int32_missing
               : value == bcf_int8_vector_end ? bcf_int32_vector_end
                                              : value;
    }
    if (type == BCF_BT_INT16) {
        int16_t value;
        memcpy(&value, at + 2 * (size_t)i, sizeof value);
        return value == bcf_int16_missing      ? bcf_int32_missing
               : value == bcf_int16_vector_end ? bcf_int32_vector_end
                                               : value;
    }
    int32_t value;
    memcpy(&value, at + 4 * (size_t)i, sizeof value);
    return value;
}

static bool is_integer(int type) {
    return type == BCF_BT_INT8 || type == BCF_BT_INT16 || type == BCF_BT_INT32;
}

/* Number `i` of a comma-separated list; NaN where that is none. */
static double text_number(const uint8_t *at, int length, int i) {
    char text[64], *rest;
    size_t size = (size_t)length < sizeof text - 1 ? (size_t)length : sizeof text - 1;
    memcpy(text, at, size);
    text[size] = '\0';
    char *from = text;
    for (int skipped = 0; skipped < i && from; skipped++) {
        from = strchr(from, ',');
        if (from) from++;
    }
    if (!from) return NAN;
    double value = strtod(from, &rest);
    return rest == from ? (double)NAN : value;
}

double cnnscore_number_at(const uint8_t *at, int type, int length, int i) {
    if (length < 1) return NAN;
    if (type == BCF_BT_CHAR) return text_number(at, length, i);
    if (i >= length) return NAN;
    if (is_integer(type)) {
        int32_t value = integer_at(at, type, i);
        return value == bcf_int32_missing || value == bcf_int32_vector_end ? (double)NAN : value;
    }
    if (type != BCF_BT_FLOAT) return NAN;
    float value;
    memcpy(&value, at + 4 * (size_t)i, sizeof value);
    return bcf_float_is_missing(value) || bcf_float_is_vector_end(value) ? (double)NAN : (double)value;
}

/* Values over the alleles of a record: an A vector has one an ALT, an R vector one per allele, of
 * any other the first value stands for all. */
static void spread(const uint8_t *at, int type, int length, int vector, int n_allele, double *values) {
    for (int a = 0; a < n_allele; a++) {
        int i = vector == BCF_VL_R ? a : vector == BCF_VL_A ? a - 1 : 0;
        values[a] = i < 0 ? (double)NAN : cnnscore_number_at(at, type, length, i);
    }
}

static void fill_nan(double *values, int n) {
    for (int i = 0; i < n; i++) values[i] = NAN;
}

const char *cnnscore_calls_sample_name(const cnnscore_calls *calls, int32_t i) {
    return i >= 0 && i < bcf_hdr_nsamples(calls->header) ? calls->header->samples[i] : NULL;
}

const char *cnnscore_calls_field_name(const cnnscore_calls *calls, int32_t format, int32_t i) {
    int type = format ? BCF_HL_FMT : BCF_HL_INFO;
    for (int line = 0; line < calls->header->nhrec; line++) {
        const bcf_hrec_t *declared = calls->header->hrec[line];
        if (declared->type != type || i-- > 0) continue;
        int id = bcf_hrec_find_key(calls->header->hrec[line], "ID");
        return id < 0 ? "" : declared->vals[id];
    }
    return NULL;
}

int cnnscore_records_numbers(const cnnscore_records *records, int32_t field, const char *key, int32_t sample,
                             double *values, cnnscore_error *err) {
    if (records->n == 0) return CNNSCORE_OK;
    const bcf_hdr_t *header = records->calls->header;
    int level = field == FIELD_FORMAT ? BCF_HL_FMT : BCF_HL_INFO;
    int id = field == FIELD_QUAL ? -1 : bcf_hdr_id2int(header, BCF_DT_ID, key);
    bool known = id >= 0 && bcf_hdr_idinfo_exists(header, level, id);
    int vector = known ? (int)bcf_hdr_id2length(header, level, id) : BCF_VL_FIXED;
    for (int32_t r = 0; r < records->n; r++) {
        bcf1_t *record = records->record[r];
        int n_allele = record->n_allele;
        fill_nan(values, n_allele);
        if (field == FIELD_QUAL) {
            if (!bcf_float_is_missing(record->qual))
                for (int a = 0; a < n_allele; a++) values[a] = record->qual;
        } else if (known && field == FIELD_INFO) {
            const bcf_info_t *info = bcf_get_info_id(record, id);
            if (info && info->vptr) spread(info->vptr, info->type, info->len, vector, n_allele, values);
        } else if (known && sample >= 0 && sample < record->n_sample) {
            if (bcf_unpack(record, BCF_UN_FMT) < 0)
                return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: the FORMAT of %s:%lld is malformed",
                                     records->calls->path, bcf_hdr_id2name(header, record->rid),
                                     (long long)record->pos + 1);
            const bcf_fmt_t *format = bcf_get_fmt_id(record, id);
            if (format && format->p)
                spread(format->p + (size_t)sample * (size_t)format->size, format->type, format->n, vector,
                       n_allele, values);
        }
        values += n_allele;
    }
    return CNNSCORE_OK;
}

int cnnscore_records_dosage(const cnnscore_records *records, int32_t sample, int8_t *dosage,
                            cnnscore_error *err) {
    if (records->n == 0) return CNNSCORE_OK;
    const bcf_hdr_t *header = records->calls->header;
    int id = bcf_hdr_id2int(header, BCF_DT_ID, "GT");
    for (int32_t r = 0; r < records->n; r++) {
        bcf1_t *record = records->record[r];
        int n_allele = record->n_allele;
        memset(dosage, -1, (size_t)n_allele);
        if (id >= 0 && sample >= 0 && sample < record->n_sample) {
            if (bcf_unpack(record, BCF_UN_FMT) < 0)
                return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: the FORMAT of %s:%lld is malformed",
                                     records->calls->path, bcf_hdr_id2name(header, record->rid),
                                     (long long)record->pos + 1);
            const bcf_fmt_t *format = bcf_get_fmt_id(record, id);
            bool known = format && format->p && format->n > 0 && is_integer(format->type), whole = true;
            if (known) memset(dosage, 0, (size_t)n_allele);
            for (int i = 0; known && i < format->n; i++) {
                const uint8_t *at = format->p + (size_t)sample * (size_t)format->size;
                int32_t code = integer_at(at, format->type, i);
                if (code == bcf_int32_vector_end && i > 0) break;
                int allele = bcf_gt_allele(code); /* -1: missing */
                known = allele < n_allele;
                if (code <= 0 || allele < 0)
                    whole = false;
                else if (known && dosage[allele] < INT8_MAX)
                    dosage[allele]++;
            }
            if (!known) memset(dosage, -1, (size_t)n_allele);
            for (int a = 0; known && !whole && a < n_allele; a++) dosage[a] = (int8_t)(-1 - dosage[a]);
        }
        dosage += n_allele;
    }
    return CNNSCORE_OK;
}

int cnnscore_records_filtered(const cnnscore_records *records, uint8_t *filtered) {
    if (records->n == 0) return CNNSCORE_OK;
    for (int32_t r = 0; r < records->n; r++) {
        bcf1_t *record = records->record[r];
        bcf_unpack(record, BCF_UN_FLT);
        filtered[r] = record->d.n_flt > 0 && !(record->d.n_flt == 1 && record->d.flt[0] == 0);
    }
    return CNNSCORE_OK;
}

const char *cnnscore_records_filter_name(const cnnscore_records *records, int32_t record, int32_t index) {
    const bcf_hdr_t *header = records->calls->header;
    bcf1_t *of = records->record[record];
    bcf_unpack(of, BCF_UN_FLT);
    if (index < 0 || index >= of->d.n_flt) return NULL;
    int id = of->d.flt[index];
    return id >= 0 && id < header->n[BCF_DT_ID] ? header->id[BCF_DT_ID][id].key : NULL;
}
