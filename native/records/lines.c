/* lines.c: records that a caller holds, as VCF lines -> batches of records, as if they were read. */
#include <string.h>

#include "calls.h"

/* For messages: a line's first columns. */
#define SHOWN 60

static int parse_line(cnnscore_calls *calls, kstring_t *line, bcf1_t *record, cnnscore_error *err) {
    char shown[SHOWN + 1];
    snprintf(shown, sizeof shown, "%s", line->s);
    bcf_clear(record);
    record->max_unpack = calls->max_unpack;
    /* It cuts the line into pieces. */
    if (vcf_parse(line, calls->header, record) < 0)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: no VCF record: %s", calls->path, shown);
    return CNNSCORE_OK;
}

int cnnscore_calls_parse(cnnscore_calls *calls, cnnscore_records *records, const char *lines, int64_t length,
                         cnnscore_error *err) {
    const char *end = lines + length;
    kstring_t line = {0};
    int code = CNNSCORE_OK;
    records->n = 0;
    while (code == CNNSCORE_OK && lines < end) {
        const char *newline = memchr(lines, '\n', (size_t)(end - lines));
        if (!newline) newline = end;
        line.l = 0;
        if (cnnscore_records_grow(records, records->n + 1) < 0 ||
            kputsn(lines, (size_t)(newline - lines), &line) < 0)
            code = cnnscore_fail_memory(err);
        else
            code = parse_line(calls, &line, records->record[records->n], err);
        if (code == CNNSCORE_OK) records->n++;
        lines = newline + 1;
    }
    ks_free(&line);
    if (code == CNNSCORE_OK) code = cnnscore_records_columns(calls, records, err);
    return code == CNNSCORE_OK ? records->n : code;
}
