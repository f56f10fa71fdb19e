/* writer.c: records with their scores -> VCF or BCF. */
#include <errno.h>
#include <htslib/hts.h>
#include <htslib/tbx.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "grow.h"
#include "open_fault.h"

struct cnnscore_writer {
    htsFile *file;
    cnnscore_calls *calls;
    char *path;
    bool is_bcf;
    int declared_ids, declared_contigs; /* header dictionary sizes as written */
    float *values;                      /* of one record */
    size_t capacity;
};

int cnnscore_writer_open(cnnscore_calls *calls, const char *path, const char *name, const char *mode,
                         int32_t threads, cnnscore_writer **out, cnnscore_error *err) {
    *out = NULL;
    cnnscore_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return cnnscore_fail_memory(err);
    writer->calls = calls;
    writer->path = strdup(name);
    writer->is_bcf = strchr(mode, 'b') != NULL;
    writer->declared_ids = calls->header->n[BCF_DT_ID];
    writer->declared_contigs = calls->header->n[BCF_DT_CTG];
    errno = 0;
    writer->file = writer->path ? hts_open(path, mode) : NULL;
    int code = CNNSCORE_OK;
    if (!writer->path)
        code = cnnscore_fail_memory(err);
    else if (!writer->file)
        code = cnnscore_fail(err, CNNSCORE_ERR_OUTPUT, "cannot write %s: %s", name,
                             errno ? strerror(errno) : "unknown reason");
    else {
        if (threads > 0) hts_set_threads(writer->file, threads);
        if (bcf_hdr_write(writer->file, calls->header) < 0)
            code = cnnscore_fail(err, CNNSCORE_ERR_OUTPUT, "cannot write the header of %s: %s", name,
                                 strerror(errno));
    }
    if (code != CNNSCORE_OK) {
        code = cnnscore_fault_of_descriptors(code, err);
        cnnscore_writer_close(writer, NULL);
        return code;
    }
    *out = writer;
    return CNNSCORE_OK;
}

/* The first tag of a record whose number is at least `declared`: what it is, and its number; -1: none. */
static int undeclared_id(bcf1_t *record, int declared, const char **what) {
    bcf_unpack(record, BCF_UN_ALL);
    for (int i = 0; i < record->d.n_flt; i++)
        if (record->d.flt[i] >= declared) return *what = "FILTER", record->d.flt[i];
    for (int i = 0; i < record->n_info; i++)
        if (record->d.info[i].key >= declared) return *what = "INFO tag", record->d.info[i].key;
    for (int i = 0; i < (int)record->n_fmt; i++)
        if (record->d.fmt[i].id >= declared) return *what = "FORMAT tag", record->d.fmt[i].id;
    return -1;
}

/* BCF stores numbers of header lines, so a tag that the header lacked when it was written cannot be. htslib
 * gives such a tag a number when it parses the record, which may be long before. */
static int undeclared(cnnscore_writer *writer, bcf1_t *record, cnnscore_error *err) {
    const bcf_hdr_t *header = writer->calls->header;
    const char *what = NULL, *name = NULL, *remedy = ", or declare it with `bcftools annotate -h`";
    int id =
        header->n[BCF_DT_ID] > writer->declared_ids ? undeclared_id(record, writer->declared_ids, &what) : -1;
    if (record->rid >= writer->declared_contigs) {
        what = "contig";
        name = bcf_hdr_id2name(header, record->rid);
    } else if (id >= 0) {
        name = header->id[BCF_DT_ID][id].key;
        /* Its name cannot be declared. */
        if (strpbrk(name, " \t")) remedy = "; VCF allows no space there: mend the record";
    }
    if (!name) return CNNSCORE_OK;
    return cnnscore_fail(
        err, CNNSCORE_ERR_INPUT,
        "%s: the header does not declare the %s \"%s\" of the record %s:%lld, and BCF cannot "
        "hold it: write VCF (-O v or z)%s",
        writer->calls->path, what, name, bcf_hdr_id2name(header, record->rid), (long long)record->pos + 1,
        remedy);
}

const cnnscore_calls *cnnscore_writer_calls(const cnnscore_writer *writer) {
    return writer->calls;
}

BGZF *cnnscore_writer_blocks(const cnnscore_writer *writer, bool *is_bcf, const char **name) {
    *is_bcf = writer->is_bcf;
    *name = writer->path;
    return hts_get_format(writer->file)->compression == bgzf ? hts_get_bgzfp(writer->file) : NULL;
}

int cnnscore_writer_put(cnnscore_writer *writer, bcf1_t *record, cnnscore_error *err) {
    bcf_hdr_t *header = writer->calls->header;
    if (writer->is_bcf) {
        int code = undeclared(writer, record, err);
        if (code != CNNSCORE_OK) return code;
    }
    errno = 0;
    if (bcf_write(writer->file, header, record) >= 0) return CNNSCORE_OK;
    return cnnscore_fail(err, CNNSCORE_ERR_OUTPUT, "cannot write %s at record %s:%lld: %s", writer->path,
                         bcf_hdr_id2name(header, record->rid), (long long)record->pos + 1,
                         errno ? strerror(errno) : "the record cannot be stored");
}

/* Three decimals, as GATK prints; rounded in double so that ties fall as in its %.3f. What rounds to zero is
 * 0, never -0. */
float cnnscore_printed_score(float score) {
    return (float)(nearbyint((double)score * 1000.0) / 1000.0 + 0.0);
}

/* Set INFO key to n scores, to nothing where all are NaN. */
static int set_scores(cnnscore_writer *writer, bcf1_t *record, const char *key, const float *scores,
                      int32_t n, cnnscore_error *err) {
    bcf_hdr_t *header = writer->calls->header;
    if (cnnscore_reserve(&writer->values, &writer->capacity, (size_t)n + 1, sizeof *writer->values) < 0)
        return cnnscore_fail_memory(err);
    int32_t known = 0;
    for (int32_t i = 0; i < n; i++) {
        writer->values[i] = cnnscore_printed_score(scores[i]);
        known += !isnan(scores[i]);
        if (isnan(scores[i])) bcf_float_set_missing(writer->values[i]);
    }
    if (bcf_update_info_float(header, record, key, known ? writer->values : NULL, known ? n : 0) >= 0)
        return CNNSCORE_OK;
    return cnnscore_fail(err, CNNSCORE_ERR_INTERNAL, "cannot set INFO/%s of %s:%lld", key,
                         bcf_hdr_id2name(header, record->rid), (long long)record->pos + 1);
}

static int write_records(cnnscore_writer *writer, cnnscore_records *records, const char *key,
                         const float *scores, bool by_allele, cnnscore_error *err) {
    for (int32_t i = 0; i < records->n; i++) {
        bcf1_t *record = records->record[i];
        int32_t n = by_allele ? (int32_t)record->n_allele - 1 : 1;
        int code = *key ? set_scores(writer, record, key, scores, n, err) : CNNSCORE_OK;
        if (code == CNNSCORE_OK) code = cnnscore_writer_put(writer, record, err);
        if (code != CNNSCORE_OK) return code;
        scores += n;
    }
    return CNNSCORE_OK;
}

int cnnscore_writer_write(cnnscore_writer *writer, cnnscore_records *records, const char *key,
                          const float *scores, cnnscore_error *err) {
    return write_records(writer, records, key, scores, false, err);
}

int cnnscore_writer_write_alleles(cnnscore_writer *writer, cnnscore_records *records, const char *key,
                                  const float *scores, cnnscore_error *err) {
    return write_records(writer, records, key, scores, true, err);
}

int cnnscore_writer_close(cnnscore_writer *writer, cnnscore_error *err) {
    if (!writer) return CNNSCORE_OK;
    int code = CNNSCORE_OK;
    errno = 0;
    if (writer->file && hts_close(writer->file) < 0)
        code = cnnscore_fail(err, CNNSCORE_ERR_OUTPUT, "cannot finish %s: %s", writer->path,
                             errno ? strerror(errno) : "write error");
    free(writer->path);
    free(writer->values);
    free(writer);
    return code;
}

#define TBI_END (1LL << 29) /* a position that a tbi cannot hold (SAM specification, 5.2) */

/* The first record of a file that ends past what a tbi can hold; its contig and end as text, "" where there
 * is none. */
static void find_past_tbi(const char *path, char *text, size_t size) {
    htsFile *file = hts_open(path, "r");
    bcf_hdr_t *header = file ? bcf_hdr_read(file) : NULL;
    bcf1_t *record = header ? bcf_init() : NULL;
    *text = '\0';
    while (record && bcf_read(file, header, record) == 0)
        if (record->pos + record->rlen > TBI_END) {
            snprintf(text, size, "%s:%lld", bcf_hdr_id2name(header, record->rid), (long long)record->pos + 1);
            break;
        }
    if (record) bcf_destroy(record);
    if (header) bcf_hdr_destroy(header);
    if (file) hts_close(file);
}

int cnnscore_index_build(const char *path, const char *index_path, int32_t csi, const char *name,
                         cnnscore_error *err) {
    char past[512] = "";
    if ((csi ? bcf_index_build3(path, index_path, 14, 0)
             : tbx_index_build3(path, index_path, 0, 0, &tbx_conf_vcf)) >= 0)
        return CNNSCORE_OK;
    int code = cnnscore_fail(err, CNNSCORE_ERR_OUTPUT,
                             "cannot index %s: it must be sorted and compressed (-O z or b)", name);
    if (!csi) find_past_tbi(path, past, sizeof past);
    if (*past)
        code =
            cnnscore_fail(err, CNNSCORE_ERR_OUTPUT,
                          "cannot index %s: its record %s lies past 512 Mb, which a tbi index cannot hold: "
                          "take -W=csi",
                          name, past);
    return cnnscore_fault_of_descriptors(code, err);
}
