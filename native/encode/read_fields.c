/* read_fields.c: what a read's record says of it, for people who look at it. */
#include <string.h>

#include "bam_record.h"
#include "encode.h"
#include "fail.h"

const char *cnnscore_read_letters(void) {
    return CNNSCORE_READ_LETTERS;
}

const char *cnnscore_cigar_letters(void) {
    return CNNSCORE_CIGAR_LETTERS;
}

int cnnscore_read_fields_of(const uint8_t *record, int64_t size, cnnscore_read_fields *fields,
                            cnnscore_error *err) {
    cnnscore_bam_record read;
    const char *problem = cnnscore_bam_record_read(&read, record, size);
    if (problem) return cnnscore_fail(err, CNNSCORE_ERR_BATCH, "a read: %s", problem);
    if (read.is_part) return cnnscore_fail(err, CNNSCORE_ERR_BATCH, "a read: it is a part of one");
    const char *name = (const char *)record + CNNSCORE_BAM_FIXED_SIZE;
    const uint8_t most = record[CNNSCORE_BAM_NAME_LENGTH_AT];
    const char *end = memchr(name, 0, most);
    *fields = (cnnscore_read_fields){
        .name = name,
        .cigar = read.cigar,
        .seq = read.seq,
        .pos = read.pos,
        .n_bases = read.l_seq,
        .name_length = end ? (int32_t)(end - name) : most,
        .template_length = (int32_t)cnnscore_le32(record + CNNSCORE_BAM_TEMPLATE_LENGTH_AT),
        .n_cigar = read.n_cigar,
        .flag = read.flag,
        .mapq = read.mapq,
    };
    return CNNSCORE_OK;
}

void cnnscore_read_bases(const cnnscore_read_fields *fields, uint8_t *letters) {
    cnnscore_bam_bases(fields->seq, 0, fields->n_bases, letters);
    for (int64_t i = 0; i < fields->n_bases; i++) letters[i] = (uint8_t)CNNSCORE_READ_LETTERS[letters[i]];
}
