/* calls.c: a VCF or BCF, streamed or by region -> batches of records. */
#include <errno.h>
#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <htslib/tbx.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "grow.h"
#include "index_check.h"
#include "intervals.h"
#include "open_fault.h"
#include "shell_word.h"

/* A batch ends early when its records hold this many bytes: cohort lines are long. */
#define BATCH_BYTES ((size_t)8 << 20)

bool cnnscore_is_damaged(htsFile *file) {
    const BGZF *compressed = hts_get_bgzfp(file);
    return compressed && compressed->errcode != 0;
}

/* ---- regions and targets ---- */

typedef struct {
    cnnscore_contigs *reference;
    bcf_hdr_t *header; /* of the call file, read beforehand; NULL where that cannot be */
    cnnscore_intervals *regions, *targets;
} chosen;

static void chosen_free(chosen *self) {
    cnnscore_contigs_close(self->reference);
    if (self->header) bcf_hdr_destroy(self->header);
    cnnscore_intervals_free(self->regions);
    cnnscore_intervals_free(self->targets);
}

/* The header alone: names of contigs are needed before htslib's reader, which takes regions first, is opened.
 * What is wrong with the file is said by that. */
static bcf_hdr_t *peek_header(const char *path) {
    htsFile *file = strcmp(path, "-") == 0 ? NULL : hts_open(path, "r");
    bcf_hdr_t *header = file ? bcf_hdr_read(file) : NULL;
    if (file) hts_close(file);
    return header;
}

/* What htslib takes as a file of regions or targets is what was understood of the user's. */
static int set_intervals(cnnscore_calls *calls, const char *name, const cnnscore_calls_options *o,
                         chosen *self, cnnscore_error *err) {
    bcf_srs_t *source = calls->source;
    if (!o->regions && !o->targets) return CNNSCORE_OK;
    self->reference = cnnscore_contigs_open(o->reference);
    self->header = peek_header(name);
    int code = CNNSCORE_OK;
    if (o->regions) {
        bcf_sr_set_opt(source, BCF_SR_REQUIRE_IDX);
        bcf_sr_set_opt(source, BCF_SR_REGIONS_OVERLAP, o->regions_overlap);
        code = cnnscore_intervals_parse(o->regions, o->regions_file, false, "regions", self->header,
                                        self->reference, &self->regions, err);
        const char *file = code == CNNSCORE_OK
                               ? cnnscore_intervals_file(self->regions, &calls->contigs, self->header)
                               : NULL;
        if (code == CNNSCORE_OK && (!file || bcf_sr_set_regions(source, file, 1) < 0))
            return cnnscore_fail_memory(err);
    }
    if (code == CNNSCORE_OK && o->targets) {
        bcf_sr_set_opt(source, BCF_SR_TARGETS_OVERLAP, o->targets_overlap);
        code = cnnscore_intervals_parse(o->targets, o->targets_file, true, "targets", self->header,
                                        self->reference, &self->targets, err);
        const char *file = code == CNNSCORE_OK ? cnnscore_intervals_file(self->targets, NULL, NULL) : NULL;
        if (code == CNNSCORE_OK && (!file || bcf_sr_set_targets(source, file, 1, 0) < 0))
            return cnnscore_fail_memory(err);
    }
    return code;
}

/* Both intervals may say the same. */
static int add_note(cnnscore_calls *calls, const char *text) {
    kstring_t note = {0};
    if (calls->note && strstr(calls->note, text)) return 0;
    if (ksprintf(&note, calls->note ? "%s; %s" : "%s%s", calls->note ? calls->note : "", text) < 0) return -1;
    free(calls->note);
    calls->note = note.s;
    return 0;
}

/* Contigs that an index names: a VCF's header need not. */
static const char **indexed_contigs(const cnnscore_calls *calls, int *n) {
    const bcf_sr_t *reader = &calls->source->readers[0];
    *n = 0;
    return reader->tbx_idx ? tbx_seqnames(reader->tbx_idx, n) : NULL;
}

static int check_intervals(cnnscore_calls *calls, const chosen *self, cnnscore_error *err) {
    if (!self->regions && !self->targets) return CNNSCORE_OK;
    int n_names, code = CNNSCORE_OK;
    const char **names = indexed_contigs(calls, &n_names);
    cnnscore_intervals *both[2] = {self->regions, self->targets};
    for (int i = 0; code == CNNSCORE_OK && i < 2; i++) {
        if (!both[i]) continue;
        code = cnnscore_intervals_check(both[i], calls->header, calls->path, names, n_names, self->reference,
                                        err);
        const char *note = cnnscore_intervals_note(both[i]);
        if (code == CNNSCORE_OK && note && add_note(calls, note) < 0) code = cnnscore_fail_memory(err);
    }
    free(names);
    return code;
}

const char *cnnscore_calls_note(const cnnscore_calls *calls) {
    return calls->note;
}

/* The file's name with the index that regions need, looked at; a remote one's `*copy` is to be unlinked.
 * Without regions: as it is streamed. */
static int find_index(cnnscore_calls *calls, const cnnscore_calls_options *o, char **name, char **copy,
                      int *fd, cnnscore_error *err) {
    char *index = o->regions ? cnnscore_index_find(o->path, CNNSCORE_INDEXED_CALLS) : NULL;
    if (!index) {
        bool has_index;
        *name = o->regions ? strdup(o->path) : cnnscore_name_to_stream(o->path, &has_index, fd);
        return *name ? CNNSCORE_OK : cnnscore_fail_memory(err);
    }
    int code = cnnscore_index_contigs(o->path, index, &calls->contigs, err);
    if (code == CNNSCORE_OK && !(*name = cnnscore_name_with_index(o->path, index, copy)))
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT, "the index %s cannot be copied to $TMPDIR: %s", index,
                             strerror(errno));
    if (code == CNNSCORE_OK && cnnscore_index_is_old(o->path, index)) {
        kstring_t note = {0};
        if (ksprintf(&note, CNNSCORE_OLD_INDEX, index, calls->path,
                     cnnscore_index_command(index, CNNSCORE_INDEXED_CALLS),
                     cnnscore_shell_word(calls->path).text) < 0 ||
            add_note(calls, note.s) < 0)
            code = cnnscore_fail_memory(err);
        ks_free(&note);
    }
    free(index);
    return code;
}

static int add_reader(cnnscore_calls *calls, const char *name, const cnnscore_calls_options *o,
                      cnnscore_error *err) {
    /* With threads htslib waits for ever where it jumps in, or asks the end of, a file whose reading has
     * failed. */
    if (o->threads > 0 && !o->regions) bcf_sr_set_threads(calls->source, o->threads);
    errno = 0;
    if (!bcf_sr_add_reader(calls->source, name)) {
        switch (calls->source->errnum) {
            case idx_load_failed:
                return cnnscore_fail(
                    err, CNNSCORE_ERR_INPUT,
                    "%s has no index, which `region=` needs: make one with `bcftools index %s`", o->path,
                    cnnscore_shell_word(o->path).text);
            case not_bgzf:
                return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                                     "%s is not compressed with bgzip, which `region=` needs: "
                                     "`bcftools view -Oz`, then `bcftools index`, or use `targets=`",
                                     o->path);
            case open_failed:
                return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "cannot open %s: %s", o->path,
                                     errno ? strerror(errno) : "not a VCF or BCF file");
            default:
                return cnnscore_fault_of_header(o->path, calls->path,
                                                bcf_sr_strerror((int)calls->source->errnum), err);
        }
    }
    return CNNSCORE_OK;
}

static int open_source(cnnscore_calls *calls, const cnnscore_calls_options *o, chosen *intervals,
                       cnnscore_error *err) {
    bool is_stdin = strcmp(o->path, "-") == 0;
    if (o->regions && is_stdin)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "standard input has no index to jump by: use `targets=` in place of `region=`");
    calls->source = bcf_sr_init();
    if (!calls->source) return cnnscore_fail_memory(err);
    char *copy = NULL, *name = NULL;
    int fd = -1;
    int code = find_index(calls, o, &name, &copy, &fd, err);
    if (code == CNNSCORE_OK) code = set_intervals(calls, name, o, intervals, err);
    if (code == CNNSCORE_OK) code = add_reader(calls, name, o, err);
    if (copy) unlink(copy);
    if (fd >= 0) close(fd);
    free(copy);
    free(name);
    if (code != CNNSCORE_OK) return code;
    calls->header = calls->source->readers[0].header;
    calls->is_bgzf = hts_get_format(calls->source->readers[0].file)->compression == bgzf;
    if (!is_stdin) {
        calls->size = cnnscore_data_size(o->path);
        if (calls->is_bgzf && calls->size && !cnnscore_has_end_marker(o->path))
            return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                                 "%s is truncated (it has no BGZF end marker): copy or make it again",
                                 o->path);
    }
    return CNNSCORE_OK;
}

int cnnscore_calls_open(const cnnscore_calls_options *o, cnnscore_calls **out, cnnscore_error *err) {
    *out = NULL;
    if (o->struct_size != sizeof *o)
        return cnnscore_fail(err, CNNSCORE_ERR_INTERNAL, "cnnscore_calls_options of another version");
    cnnscore_calls *calls = calloc(1, sizeof *calls);
    if (!calls) return cnnscore_fail_memory(err);
    static atomic_uint_fast64_t opened;
    calls->number = atomic_fetch_add(&opened, 1) + 1;
    calls->must_be_sorted = o->must_be_sorted;
    calls->last_contig = -1;
    calls->within = o->regions ? "regions" : o->targets ? "targets" : NULL;
    calls->known_ids = -1;
    calls->path = strdup(o->name ? o->name : strcmp(o->path, "-") == 0 ? "standard input" : o->path);
    calls->given = strdup(o->name ? o->name : o->path);
    calls->max_unpack = o->sites_only ? BCF_UN_STR | BCF_UN_FLT | BCF_UN_INFO : 0;
    calls->annotation = calloc((size_t)o->n_annotations + 1, sizeof *calls->annotation);
    calls->annotation_id = calloc((size_t)o->n_annotations + 1, sizeof *calls->annotation_id);
    calls->annotation_counts = calloc((size_t)o->n_annotations + 1, sizeof *calls->annotation_counts);
    int code = CNNSCORE_OK;
    if (!calls->path || !calls->given || !calls->annotation || !calls->annotation_id ||
        !calls->annotation_counts)
        code = cnnscore_fail_memory(err);
    for (int32_t i = 0; code == CNNSCORE_OK && i < o->n_annotations; i++) {
        calls->annotation[i] = strdup(o->annotations[i]);
        calls->n_annotations = i + 1;
        if (!calls->annotation[i]) code = cnnscore_fail_memory(err);
    }
    chosen intervals = {0};
    if (code == CNNSCORE_OK) code = open_source(calls, o, &intervals, err);
    if (code == CNNSCORE_OK) code = check_intervals(calls, &intervals, err);
    calls->regions = intervals.regions;
    calls->regions_overlap = o->regions_overlap;
    intervals.regions = NULL;
    chosen_free(&intervals);
    if (code != CNNSCORE_OK) {
        code = cnnscore_fault_of_descriptors(code, err);
        cnnscore_calls_close(calls);
        return code;
    }
    *out = calls;
    return CNNSCORE_OK;
}

void cnnscore_calls_close(cnnscore_calls *calls) {
    if (!calls) return;
    if (calls->source) bcf_sr_destroy(calls->source);
    for (int32_t i = 0; i < calls->n_annotations; i++) free(calls->annotation[i]);
    free(calls->annotation);
    free(calls->annotation_id);
    free(calls->annotation_counts);
    cnnscore_intervals_free(calls->regions);
    cnnscore_indexed_contigs_free(&calls->contigs);
    free(calls->path);
    free(calls->note);
    free(calls->given);
    ks_free(&calls->header_text);
    free(calls->contig_left);
    free(calls);
}

int32_t cnnscore_calls_samples(const cnnscore_calls *calls) {
    return bcf_hdr_nsamples(calls->header);
}

int32_t cnnscore_calls_sample(const cnnscore_calls *calls, const char *name) {
    return bcf_hdr_id2int(calls->header, BCF_DT_SAMPLE, name);
}

int32_t cnnscore_calls_has_info(const cnnscore_calls *calls, const char *key) {
    return bcf_hdr_get_hrec(calls->header, BCF_HL_INFO, "ID", key, NULL) != NULL;
}

void cnnscore_calls_choose(cnnscore_calls *calls, bool (*takes)(void *data, bcf1_t *record), void *data,
                           const char *option, const char *expression) {
    calls->takes = takes;
    calls->takes_data = data;
    calls->takes_option = option;
    calls->takes_text = expression;
}

const char *cnnscore_calls_header(cnnscore_calls *calls) {
    calls->header_text.l = 0;
    return bcf_hdr_format(calls->header, 0, &calls->header_text) < 0 ? NULL : calls->header_text.s;
}

double cnnscore_calls_progress(const cnnscore_calls *calls) {
    if (calls->at_end) return 1.0;
    if (!calls->size || calls->source->explicit_regs) return NAN;
    htsFile *file = calls->source->readers[0].file;
    int64_t at = file->is_bgzf ? bgzf_tell(file->fp.bgzf) >> 16 : (int64_t)htell(file->fp.hfile);
    double part = (double)at / (double)calls->size;
    return part > 1.0 ? 1.0 : part;
}

/* Where an error lies that htslib noticed while it read ahead of the last record taken. */
static void last_locus(const cnnscore_calls *calls, char *text, size_t size) {
    if (calls->last_contig < 0)
        snprintf(text, size, "one of the first records");
    else
        snprintf(text, size, "one of the records after %s:%lld",
                 bcf_hdr_id2name(calls->header, calls->last_contig), (long long)calls->last_pos + 1);
}

int cnnscore_records_grow(cnnscore_records *records, int32_t limit) {
    if (limit <= records->capacity) return 0;
    bcf1_t **grown = realloc(records->record, (size_t)limit * sizeof *grown);
    if (!grown) return -1;
    records->record = grown;
    while (records->capacity < limit) {
        bcf1_t *record = bcf_init();
        if (!record) return -1;
        records->record[records->capacity++] = record;
    }
    return 0;
}

/* Coordinate order as an index wants it: positions ascend, a contig's records stand together. */
static int check_order(cnnscore_calls *calls, const bcf1_t *record, cnnscore_error *err) {
    size_t contig = (size_t)record->rid;
    bool ordered = record->pos >= calls->last_pos;
    if (record->rid != calls->last_contig) {
        size_t known = calls->n_contig_left;
        if (contig >= known) {
            if (cnnscore_reserve(&calls->contig_left, &calls->n_contig_left, contig + 1, sizeof(bool)) < 0)
                return cnnscore_fail_memory(err);
            memset(calls->contig_left + known, 0, calls->n_contig_left - known);
        }
        ordered = !calls->contig_left[contig];
        calls->contig_left[contig] = true;
    }
    if (!ordered && calls->must_be_sorted)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s: record %s:%lld comes after %s:%lld, but this needs coordinate order: "
                             "sort it with `bcftools sort`",
                             calls->path, bcf_hdr_id2name(calls->header, record->rid),
                             (long long)record->pos + 1, bcf_hdr_id2name(calls->header, calls->last_contig),
                             (long long)calls->last_pos + 1);
    calls->last_contig = record->rid;
    calls->last_pos = record->pos;
    return CNNSCORE_OK;
}

/* htslib reads a line that ends before its samples, and writes none. */
static int check_samples(const cnnscore_calls *calls, const bcf1_t *record, cnnscore_error *err) {
    if (calls->max_unpack || (int)record->n_sample == bcf_hdr_nsamples(calls->header)) return CNNSCORE_OK;
    return cnnscore_fail(
        err, CNNSCORE_ERR_INPUT,
        "%s: record %s:%lld has %d sample columns where the header has %d: it is malformed, or "
        "the file is truncated",
        calls->path, bcf_hdr_id2name(calls->header, record->rid), (long long)record->pos + 1,
        (int)record->n_sample, bcf_hdr_nsamples(calls->header));
}

/* Also of files that were empty before: whoever chose by FILTER before it was set has no other word of it. */
static void note_nothing(cnnscore_calls *calls) {
    kstring_t note = {0};
    int length;
    if (calls->last_contig >= 0)
        length =
            ksprintf(&note, "%s '%s' leaves no record of %s%s%s", calls->takes_option, calls->takes_text,
                     calls->path, calls->within ? " within the " : "", calls->within ? calls->within : "");
    else if (calls->within)
        length = ksprintf(&note, "no record of %s lies within the %s", calls->path, calls->within);
    else
        length = ksprintf(&note,
                          "%s has no records (`bcftools view -f PASS` leaves none of calls "
                          "that were never filtered, as their FILTER is `.`)",
                          calls->path);
    if (length < 0) return;
    free(calls->note);
    calls->note = note.s;
}

/* The end of the input: whole, or cut short? */
static int check_end(cnnscore_calls *calls, cnnscore_error *err) {
    char locus[512];
    last_locus(calls, locus, sizeof locus);
    calls->at_end = true;
    htsFile *file = calls->source->readers[0].file;
    if (cnnscore_is_damaged(file))
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s: cannot read %s: its compressed data are damaged; copy or make it again",
                             calls->path, locus);
    if (calls->source->errnum)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s: cannot read %s (%s): the file is truncated or the record is malformed; "
                             "`bcftools view` says more",
                             calls->path, locus, bcf_sr_strerror((int)calls->source->errnum));
    if (calls->is_bgzf && !calls->size && hts_get_bgzfp(file) && hts_get_bgzfp(file)->no_eof_block)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s is truncated: it ends without a BGZF end marker",
                             calls->path);
    if (!calls->any_taken) note_nothing(calls);
    return CNNSCORE_OK;
}

int cnnscore_calls_read(cnnscore_calls *calls, cnnscore_records *records, int32_t limit,
                        cnnscore_error *err) {
    size_t bytes = 0;
    records->n = 0;
    /* 0 records would read as the end. */
    if (limit < 1)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "%s: %d records at a time are none", calls->path,
                             (int)limit);
    if (cnnscore_records_grow(records, limit) < 0) return cnnscore_fail_memory(err);
    while (!calls->at_end && records->n < limit && bytes < BATCH_BYTES) {
        /* htslib notes an error and reads on: what it hands out then is not to be trusted. */
        if (!bcf_sr_next_line(calls->source) || calls->source->errnum ||
            cnnscore_is_damaged(calls->source->readers[0].file)) {
            int code = check_end(calls, err);
            if (code != CNNSCORE_OK) return code;
            break;
        }
        bcf_sr_t *reader = &calls->source->readers[0];
        bcf1_t *record = reader->buffer[0];
        int code = check_order(calls, record, err);
        if (code == CNNSCORE_OK) code = check_samples(calls, record, err);
        if (code != CNNSCORE_OK) return code;
        if (calls->takes && !calls->takes(calls->takes_data, record)) continue;
        calls->any_taken = true;
        /* Take the record and leave ours to be read into: no copy. */
        reader->buffer[0] = records->record[records->n];
        reader->buffer[0]->max_unpack = calls->max_unpack;
        records->record[records->n++] = record;
        bytes += record->shared.l + record->indiv.l;
    }
    int code = cnnscore_records_columns(calls, records, err);
    return code == CNNSCORE_OK ? records->n : code;
}
