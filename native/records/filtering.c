/* filtering.c: verdicts -> FILTER, or an INFO key in its place. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"

enum { NO_CUT_OFF = -3 };

int cnnscore_calls_clear_filters(cnnscore_calls *calls, cnnscore_error *err) {
    bcf_hdr_t *header = calls->header;
    for (int i = 0; i < header->nhrec;) {
        bcf_hrec_t *line = header->hrec[i];
        int id = line->type == BCF_HL_FLT ? bcf_hrec_find_key(line, "ID") : -1;
        if (id < 0 || strcmp(line->vals[id], "PASS") == 0) {
            i++;
            continue;
        }
        char *name = strdup(line->vals[id]);
        if (!name) return cnnscore_fail_memory(err);
        bcf_hdr_remove(header, BCF_HL_FLT, name);
        free(name);
    }
    return bcf_hdr_sync(header) < 0 ? cnnscore_fail_memory(err) : CNNSCORE_OK;
}

typedef struct {
    const bcf_hdr_t *header;
    int32_t *ids; /* of FILTERs */
    size_t n, capacity;
} filter_list;

/* In the order of their names, as GATK writes them; each once. */
static int insert(filter_list *list, int id) {
    if (list->n == list->capacity) {
        size_t wanted = 2 * list->capacity + 8;
        int32_t *grown = realloc(list->ids, wanted * sizeof *grown);
        if (!grown) return -1;
        list->ids = grown;
        list->capacity = wanted;
    }
    const char *name = bcf_hdr_int2id(list->header, BCF_DT_ID, id);
    size_t at = list->n;
    for (; at > 0; at--) {
        int order = strcmp(bcf_hdr_int2id(list->header, BCF_DT_ID, list->ids[at - 1]), name);
        if (order == 0) return 0;
        if (order < 0) break;
    }
    memmove(list->ids + at + 1, list->ids + at, (list->n - at) * sizeof *list->ids);
    list->ids[at] = id;
    list->n++;
    return 0;
}

static int set_filter(bcf_hdr_t *header, bcf1_t *record, bool clear, const char *name, filter_list *list) {
    list->n = 0;
    if (bcf_unpack(record, BCF_UN_FLT) < 0) return -1;
    for (int i = 0; !clear && i < record->d.n_flt; i++) /* PASS is number 0 */
        if (record->d.flt[i] != 0 && insert(list, record->d.flt[i]) < 0) return -1;
    if (name && insert(list, bcf_hdr_id2int(header, BCF_DT_ID, name)) < 0) return -1;
    int pass = 0;
    return list->n ? bcf_update_filter(header, record, list->ids, (int)list->n)
                   : bcf_update_filter(header, record, &pass, 1);
}

/* No verdict: FILTER stays, or is none where those that there are shall go. */
static int leave_filter(bcf_hdr_t *header, bcf1_t *record, bool clear) {
    return clear ? bcf_update_filter(header, record, NULL, 0) : 0;
}

static int filter_record(bcf_hdr_t *header, bcf1_t *record, const cnnscore_filtering *f, int32_t i,
                         filter_list *list) {
    const char *name = f->verdict[i] >= 0 ? f->names[f->verdict[i]] : NULL;
    if (f->sensitivity_key) {
        bool is_known = !isnan(f->sensitivity[i]);
        if (bcf_update_info_float(header, record, f->sensitivity_key, &f->sensitivity[i], is_known) < 0)
            return -1;
    }
    if (!f->verdict_key)
        return f->verdict[i] == NO_CUT_OFF ? leave_filter(header, record, f->clear)
                                           : set_filter(header, record, f->clear, name, list);
    const char *verdict = f->verdict[i] < -1 ? NULL : name ? name : "PASS";
    return bcf_update_info_string(header, record, f->verdict_key, verdict);
}

int cnnscore_writer_filter(cnnscore_writer *writer, cnnscore_records *records, const cnnscore_filtering *f,
                           cnnscore_error *err) {
    if (f->struct_size != sizeof *f)
        return cnnscore_fail(err, CNNSCORE_ERR_INTERNAL, "cnnscore_filtering of another version");
    bcf_hdr_t *header = cnnscore_writer_calls(writer)->header;
    filter_list list = {.header = header};
    int code = CNNSCORE_OK;
    for (int32_t i = 0; code == CNNSCORE_OK && i < records->n; i++) {
        bcf1_t *record = records->record[i];
        code = filter_record(header, record, f, i, &list) < 0
                   ? cnnscore_fail(err, CNNSCORE_ERR_INTERNAL, "cannot set FILTER and INFO of %s:%lld",
                                   bcf_hdr_id2name(header, record->rid), (long long)record->pos + 1)
                   : cnnscore_writer_put(writer, record, err);
    }
    free(list.ids);
    return code;
}
