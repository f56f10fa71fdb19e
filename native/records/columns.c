/* columns.c: records -> site columns (position, alleles, kind, annotations). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "allele.h"
#include "calls.h"
#include "grow.h"

/* In place of an INFO tag's number: the QUAL field. */
#define ANNOTATION_QUAL -2

cnnscore_records *cnnscore_records_new(void) {
    return calloc(1, sizeof(cnnscore_records));
}

void cnnscore_records_free(cnnscore_records *records) {
    if (!records) return;
    for (int32_t i = 0; i < records->capacity; i++) bcf_destroy(records->record[i]);
    free(records->record);
    free(records->contig);
    free(records->pos);
    free(records->end);
    free(records->site_allele);
    free(records->allele_offset);
    free(records->kind);
    free(records->alleles);
    free(records->annotations);
    free(records->qual);
    free(records->contig_length);
    free(records->contig_offset);
    free(records->contig_names);
    free(records);
}

const cnnscore_window_batch *cnnscore_records_sites(const cnnscore_records *records) {
    return &records->sites;
}

/* Numbers that a header sets by IDX= may leave gaps, which have no name. */
static const char *contig_name(const bcf_hdr_t *header, int32_t contig) {
    const char *name = bcf_hdr_id2name(header, contig);
    return name ? name : "";
}

static int contig_columns(const cnnscore_calls *calls, cnnscore_records *records) {
    const bcf_hdr_t *header = calls->header;
    int32_t n = header->n[BCF_DT_CTG];
    if (records->calls_number == calls->number && n == records->n_contigs) return 0;
    records->calls_number = 0;
    size_t bytes = 0;
    for (int32_t i = 0; i < n; i++) bytes += strlen(contig_name(header, i));
    free(records->contig_length);
    free(records->contig_offset);
    free(records->contig_names);
    records->contig_length = calloc((size_t)n + 1, sizeof *records->contig_length);
    records->contig_offset = calloc((size_t)n + 1, sizeof *records->contig_offset);
    records->contig_names = malloc(bytes + 1);
    if (!records->contig_length || !records->contig_offset || !records->contig_names) return -1;
    for (int32_t i = 0; i < n; i++) {
        const char *name = contig_name(header, i);
        size_t length = strlen(name);
        const bcf_idinfo_t *info = header->id[BCF_DT_CTG][i].val;
        records->contig_length[i] = info ? (int64_t)info->info[0] : 0;
        memcpy(records->contig_names + records->contig_offset[i], name, length);
        records->contig_offset[i + 1] = records->contig_offset[i] + (int64_t)length;
    }
    records->n_contigs = n;
    records->calls_number = calls->number;
    return 0;
}

static void look_up_ids(cnnscore_calls *calls) {
    if (calls->known_ids == calls->header->n[BCF_DT_ID]) return;
    for (int32_t i = 0; i < calls->n_annotations; i++)
        calls->annotation_id[i] = strcmp(calls->annotation[i], "QUAL") == 0
                                      ? ANNOTATION_QUAL
                                      : bcf_hdr_id2int(calls->header, BCF_DT_ID, calls->annotation[i]);
    calls->end_id = bcf_hdr_id2int(calls->header, BCF_DT_ID, "END");
    calls->known_ids = calls->header->n[BCF_DT_ID];
}

/* First value of an INFO tag as a number; NaN when missing. An undeclared tag is text. */
static double info_number(bcf1_t *record, int id) {
    const bcf_info_t *info = id < 0 ? NULL : bcf_get_info_id(record, id);
    return info && info->vptr ? cnnscore_number_at(info->vptr, info->type, info->len, 0) : (double)NAN;
}

/* The type that decides which classes a score is read from: by allele lengths alone, as
 * NVScoreVariants does (GATK-ENCODINGS: a symbolic allele has the length of its text). */
static uint8_t site_kind(const bcf1_t *record) {
    int kind = -1;
    size_t ref_length = strlen(record->d.allele[0]);
    for (int i = 1; i < record->n_allele; i++) {
        const char *alt = record->d.allele[i];
        if (strcmp(alt, record->d.allele[0]) == 0) continue;
        size_t length = strlen(alt);
        int this_kind = length != ref_length ? CNNSCORE_KIND_INDEL
                        : length == 1        ? CNNSCORE_KIND_SNP
                                             : CNNSCORE_KIND_OTHER;
        if (kind >= 0 && this_kind != kind) return CNNSCORE_KIND_OTHER;
        kind = this_kind;
    }
    return (uint8_t)(kind < 0 ? CNNSCORE_KIND_OTHER : kind);
}

/* Only breakends and the like lie before a contig: an older htslib takes a POS that is no number for 0. */
static bool has_bases_before_contig(const bcf1_t *record) {
    const char *ref = record->d.allele[0];
    cnnscore_allele allele;
    if (record->pos >= 0 || !cnnscore_is_base(*ref) || (*ref & 0xDF) == 'N') return false;
    for (int i = 1; i < record->n_allele; i++) {
        const char *alt = record->d.allele[i];
        if (cnnscore_allele_trim(&allele, 0, ref, (int64_t)strlen(ref), alt, (int64_t)strlen(alt)))
            return true;
    }
    return false;
}

static int reserve_sites(cnnscore_records *records, size_t n_annotations) {
    size_t n = (size_t)records->n + 1;
    if (cnnscore_reserve(&records->annotations, &records->annotation_capacity, n * (n_annotations + 1),
                         sizeof *records->annotations) < 0)
        return -1;
    if (records->contig && n <= records->site_capacity) return 0;
    size_t room[6] = {0};
    if (cnnscore_reserve(&records->contig, &room[0], n, sizeof *records->contig) < 0 ||
        cnnscore_reserve(&records->pos, &room[1], n, sizeof *records->pos) < 0 ||
        cnnscore_reserve(&records->end, &room[2], n, sizeof *records->end) < 0 ||
        cnnscore_reserve(&records->kind, &room[3], n, sizeof *records->kind) < 0 ||
        cnnscore_reserve(&records->qual, &room[5], n, sizeof *records->qual) < 0 ||
        cnnscore_reserve(&records->site_allele, &room[4], n, sizeof *records->site_allele) < 0)
        return -1;
    records->site_capacity = room[0];
    return 0;
}

int cnnscore_records_columns(cnnscore_calls *calls, cnnscore_records *records, cnnscore_error *err) {
    size_t n_annotations = (size_t)calls->n_annotations;
    size_t n_alleles = 0, allele_bytes = 0;
    if (reserve_sites(records, n_annotations) < 0 || contig_columns(calls, records) < 0)
        return cnnscore_fail_memory(err);
    records->calls = calls;
    look_up_ids(calls);
    for (int32_t i = 0; i < records->n; i++) {
        bcf1_t *record = records->record[i];
        if (bcf_unpack(record, BCF_UN_INFO) < 0 || record->n_allele < 1)
            return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: record %s:%lld is malformed", calls->path,
                                 bcf_hdr_id2name(calls->header, record->rid), (long long)record->pos + 1);
        if (has_bases_before_contig(record))
            return cnnscore_fail(
                err, CNNSCORE_ERR_INPUT,
                "%s: record %s:%lld (%s) lies before the contig's first base: its POS is 0, or "
                "no number; mend or drop it",
                calls->path, bcf_hdr_id2name(calls->header, record->rid), (long long)record->pos + 1,
                record->d.allele[0]);
        n_alleles += record->n_allele;
        for (int a = 0; a < record->n_allele; a++) allele_bytes += strlen(record->d.allele[a]);
    }
    if (cnnscore_reserve(&records->allele_offset, &records->allele_capacity, n_alleles + 1,
                         sizeof *records->allele_offset) < 0 ||
        cnnscore_reserve(&records->alleles, &records->allele_bytes_capacity, allele_bytes + 1, 1) < 0)
        return cnnscore_fail_memory(err);

    int64_t allele = 0;
    records->allele_offset[0] = 0;
    records->site_allele[0] = 0;
    for (int32_t i = 0; i < records->n; i++) {
        bcf1_t *record = records->record[i];
        double end = info_number(record, calls->end_id);
        int64_t ref_end = record->pos + (int64_t)strlen(record->d.allele[0]);
        records->contig[i] = record->rid;
        records->pos[i] = record->pos;
        /* END may be declared, or left undeclared, so that it is 1e300: no position, as NaN is none. */
        bool has_end = end > (double)record->pos && end <= (double)HTS_POS_MAX;
        records->end[i] = has_end ? (int64_t)end : ref_end;
        records->kind[i] = site_kind(record);
        records->qual[i] = bcf_float_is_missing(record->qual) ? NAN : record->qual;
        for (size_t a = 0; a < n_annotations; a++)
            records->annotations[(size_t)i * n_annotations + a] =
                calls->annotation_id[a] == ANNOTATION_QUAL
                    ? records->qual[i]
                    : (float)info_number(record, calls->annotation_id[a]);
        for (int a = 0; a < record->n_allele; a++) {
            size_t length = strlen(record->d.allele[a]);
            memcpy(records->alleles + records->allele_offset[allele], record->d.allele[a], length);
            records->allele_offset[allele + 1] = records->allele_offset[allele] + (int64_t)length;
            allele++;
        }
        records->site_allele[i + 1] = allele;
    }
    records->sites = (cnnscore_window_batch){
        .struct_size = sizeof records->sites,
        .n_sites = records->n,
        .n_annotations = calls->n_annotations,
        .contig = records->contig,
        .pos = records->pos,
        .end = records->end,
        .kind = records->kind,
        .site_allele = records->site_allele,
        .allele_offset = records->allele_offset,
        .alleles = records->alleles,
        .annotations = records->annotations,
        .qual = records->qual,
        .n_contigs = records->n_contigs,
        .contig_length = records->contig_length,
        .contig_offset = records->contig_offset,
        .contig_names = records->contig_names,
    };
    cnnscore_annotations_count(calls, &records->sites);
    return CNNSCORE_OK;
}
