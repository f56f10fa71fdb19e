/* reads.c: open, filter and merge the reads of several files. */
#include "reads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "index_check.h"
#include "looked_at.h"
#include "same_file.h"
#include "shell_word.h"

static const char *const ARTIFICIAL_GROUPS[] = {"ArtificialHaplotypeRG", "ArtificialHaplotype"};

/* Of an index that is older than the reads: whether each contig's first read is where it says, and none
 * that has a place follows the last contig's. A CRAM's slices say themselves where they are from. */
static bool fits(cnnscore_reads_file *file, const char *data, const char *index) {
    cnnscore_look files = cnnscore_look_at(CNNSCORE_LOOK_FITS, data, index, NULL);
    if (cnnscore_was_good(&files, NULL)) return true;
    bam1_t *read = bam_init1();
    bool good = read != NULL;
    for (int tid = 0; good && !file->is_cram && tid <= sam_hdr_nref(file->header); tid++) {
        bool is_last = tid == sam_hdr_nref(file->header);
        uint64_t mapped = 0, unmapped = 0;
        if (!is_last && hts_idx_get_stat(file->index, tid, &mapped, &unmapped) == 0 && !mapped && !unmapped)
            continue;
        hts_itr_t *query = sam_itr_queryi(file->index, is_last ? HTS_IDX_NOCOOR : tid, 0, HTS_POS_MAX);
        int got = query ? sam_itr_next(file->file, query, read) : -2;
        good = is_last    ? got == -1 || (got >= 0 && read->core.tid < 0)
               : got >= 0 ? read->core.tid == tid
                          : got == -1 && !mapped;
        hts_itr_destroy(query);
    }
    bam_destroy1(read);
    if (good) cnnscore_remember(&files, NULL);
    return good;
}

/* Loads the index that htslib takes first. */
static int load_index(cnnscore_reads_file *file, bool is_checked, cnnscore_error *err) {
    cnnscore_indexed what = file->is_cram ? CNNSCORE_INDEXED_CRAM : CNNSCORE_INDEXED_BAM;
    char *index = cnnscore_index_find(file->path, what), *data = cnnscore_data_name(file->path);
    int code = data ? CNNSCORE_OK : cnnscore_fail_memory(err);
    if (code == CNNSCORE_OK && !index)
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s has no index: make one with `samtools index %s`",
                             file->path, cnnscore_shell_word(data).text);
    const char *remedy = index ? cnnscore_index_command(index, what) : NULL;
    if (code == CNNSCORE_OK && !is_checked) code = cnnscore_index_check(file->path, index, what, err);
    if (code == CNNSCORE_OK) {
        file->index = sam_index_load3(file->file, data, index, HTS_IDX_SILENT_FAIL);
        if (!file->index)
            code = cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                                 "%s: its index %s cannot be read: make it anew with `%s %s`", file->path,
                                 index, remedy, cnnscore_shell_word(data).text);
    }
    if (code == CNNSCORE_OK && !is_checked && cnnscore_index_is_old(file->path, index)) {
        kstring_t note = KS_INITIALIZE;
        if (!fits(file, data, index))
            code =
                cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                              "the index %s is older than %s and does not fit it: make it anew with `%s %s`",
                              index, data, remedy, cnnscore_shell_word(data).text);
        else if (ksprintf(&note, CNNSCORE_OLD_INDEX, index, file->path, remedy,
                          cnnscore_shell_word(data).text) < 0)
            code = cnnscore_fail_memory(err);
        file->note = note.s;
    }
    free(data);
    free(index);
    return code;
}

static int open_file(cnnscore_reads_file *file, const char *path, const cnnscore_reader_options *o,
                     cnnscore_names *samples, cnnscore_error *err) {
    file->path = strdup(path);
    if (!file->path) return cnnscore_fail_memory(err);
    errno = 0;
    file->file = sam_open(path, "r");
    if (!file->file)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "cannot open the reads %s: %s", path,
                             errno ? strerror(errno) : "not a BAM or CRAM file");
    enum htsExactFormat format = hts_get_format(file->file)->format;
    file->is_cram = format == cram;
    if (format != cram && format != bam)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s is neither BAM nor CRAM: convert it with `samtools sort -o reads.bam %s`",
                             path, cnnscore_shell_word(path).text);
    if (file->is_cram && !o->reference)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "%s is a CRAM: give the FASTA it was made with, `reference=`", path);
    char *fasta = file->is_cram ? cnnscore_fasta_with_index(o->reference) : NULL;
    bool has_fasta = fasta && hts_set_fai_filename(file->file, fasta) == 0;
    free(fasta);
    if (file->is_cram && !has_fasta)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: cannot decode CRAM with the reference %s", path,
                             o->reference);
    if (hts_check_EOF(file->file) == 0)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s is truncated (it has no end marker): copy or make it again", path);
    file->header = sam_hdr_read(file->file);
    if (!file->header)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: cannot read its header: the file is damaged",
                             path);
    if (cnnscore_read_groups_collect(file->header, o->sample, &file->groups, samples) < 0)
        return cnnscore_fail_memory(err);
    return load_index(file, o->is_another, err);
}

/* Without this no read would count. */
static int check_sample(const cnnscore_reads *reads, const char *sample, cnnscore_error *err) {
    if (cnnscore_names_have(&reads->samples, sample)) return CNNSCORE_OK;
    if (!reads->samples.n)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "no read group of %s has an SM, so no read is known to be of %s: give the reads "
                             "one with `samtools addreplacerg -r ID:1 -r SM:%s`",
                             reads->named, sample, cnnscore_shell_quoted("", sample, strlen(sample)).text);
    return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                         "no read group of %s has SM:%s, so no read would count: their samples are %s",
                         reads->named, sample, reads->samples_named);
}

static char *name_files(const cnnscore_reader_options *o) {
    cnnscore_names files = {0};
    char *text = NULL;
    int status = 0;
    for (int32_t i = 0; status == 0 && i < o->n_reads; i++) status = cnnscore_names_add(&files, o->reads[i]);
    if (status == 0) text = cnnscore_names_text(&files);
    cnnscore_names_free(&files);
    return text;
}

/* Each of its reads would count twice. */
static int check_once(const cnnscore_reader_options *o, int32_t i, cnnscore_error *err) {
    if (o->is_another) return CNNSCORE_OK;
    for (int32_t k = 0; k < i; k++)
        if (cnnscore_same_file(o->reads[k], o->reads[i]))
            return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "the reads %s and %s are one file: give it once",
                                 o->reads[k], o->reads[i]);
    return CNNSCORE_OK;
}

int cnnscore_reads_open(cnnscore_reads *reads, const cnnscore_reader_options *o, cnnscore_error *err) {
    reads->rule = o->read_rule;
    reads->by_sample = o->sample != NULL;
    if (o->read_rule == CNNSCORE_READS_NONE) return CNNSCORE_OK;
    reads->files = calloc((size_t)o->n_reads + 1, sizeof *reads->files);
    reads->named = name_files(o);
    if (!reads->files || !reads->named || cnnscore_merge_init(&reads->merge, o->n_reads) < 0)
        return cnnscore_fail_memory(err);
    for (int32_t i = 0; i < o->n_reads; i++) {
        int code = check_once(o, i, err);
        if (code != CNNSCORE_OK) return code;
        reads->n_files = i + 1;
        code = open_file(&reads->files[i], o->reads[i], o, &reads->samples, err);
        if (code != CNNSCORE_OK) return code;
    }
    cnnscore_names_sort(&reads->samples);
    reads->samples_named = cnnscore_names_text(&reads->samples);
    if (!reads->samples_named) return cnnscore_fail_memory(err);
    int code = o->sample ? check_sample(reads, o->sample, err) : CNNSCORE_OK;
    return code == CNNSCORE_OK && !o->is_another ? cnnscore_reads_check_apart(reads, err) : code;
}

const char *cnnscore_reads_note(const cnnscore_reads *reads, int32_t i) {
    return i < reads->n_files ? reads->files[i].note : NULL;
}

void cnnscore_reads_close(cnnscore_reads *reads) {
    for (int32_t i = 0; i < reads->n_files; i++) {
        cnnscore_reads_file *file = &reads->files[i];
        hts_itr_destroy(file->query);
        bam_destroy1(file->head);
        if (file->index) hts_idx_destroy(file->index);
        if (file->header) sam_hdr_destroy(file->header);
        if (file->file) sam_close(file->file);
        cnnscore_names_free(&file->groups);
        free(file->path);
        free(file->note);
    }
    for (size_t i = 0; i < reads->n_spare; i++) bam_destroy1(reads->spare[i]);
    cnnscore_merge_free(&reads->merge);
    cnnscore_names_free(&reads->samples);
    free(reads->named);
    free(reads->samples_named);
    free(reads->spare);
    free(reads->files);
    memset(reads, 0, sizeof *reads);
}

int cnnscore_reads_check_contig(const cnnscore_reads *reads, const char *contig, int64_t length, int64_t pos,
                                cnnscore_error *err) {
    for (int32_t i = 0; i < reads->n_files; i++) {
        const cnnscore_reads_file *file = &reads->files[i];
        int tid = sam_hdr_name2tid(file->header, contig);
        if (tid < 0)
            return cnnscore_fail(
                err, CNNSCORE_ERR_INPUT,
                "%s has no contig %s, which the record %s:%lld needs: were its reads aligned to "
                "another reference, or are the contigs named otherwise (chr1, 1)?",
                file->path, contig, contig, (long long)pos + 1);
        int64_t has = sam_hdr_tid2len(file->header, tid);
        if (has != length)
            return cnnscore_fail(
                err, CNNSCORE_ERR_INPUT,
                "contig %s has %lld bases in %s but %lld in the reference (record %s:%lld): give the "
                "reference that the reads were aligned to",
                contig, (long long)has, file->path, (long long)length, contig, (long long)pos + 1);
    }
    return CNNSCORE_OK;
}

int cnnscore_reads_check_contigs(const cnnscore_reads *reads, const cnnscore_reference *reference,
                                 cnnscore_error *err) {
    for (int32_t i = 0; i < reads->n_files; i++) {
        const cnnscore_reads_file *file = &reads->files[i];
        int n = sam_hdr_nref(file->header), shared = 0;
        for (int tid = 0; tid < n; tid++) {
            const char *contig = sam_hdr_tid2name(file->header, tid);
            int64_t has = sam_hdr_tid2len(file->header, tid);
            int64_t length = cnnscore_reference_length(reference, contig);
            shared += length >= 0;
            if (length >= 0 && has != length)
                return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                                     "contig %s has %lld bases in %s but %lld in the reference %s: give the "
                                     "reference that the reads were aligned to",
                                     contig, (long long)has, file->path, (long long)length, reference->path);
        }
        if (n > 0 && shared == 0)
            return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                                 "%s has no contig of the reference %s: were its reads aligned to another "
                                 "reference, or are the "
                                 "contigs named otherwise (chr1, 1)?",
                                 file->path, reference->path);
    }
    return CNNSCORE_OK;
}

/* Where a read is counted that does not count by its read group, NULL where it does. GATK's rule takes none
 * without one; ours asks for one where there is a sample to tell. */
static int64_t *group_fault(cnnscore_reads *reads, const cnnscore_reads_file *file, const bam1_t *read) {
    cnnscore_reader_counts *counts = &reads->counts;
    if (reads->rule == CNNSCORE_READS_PRIMARY && !reads->by_sample) return NULL;
    const uint8_t *tag = bam_aux_get(read, "RG");
    const char *group = tag ? bam_aux2Z(tag) : NULL;
    if (reads->rule == CNNSCORE_READS_GATK) {
        if (!group) return &counts->no_read_group;
        for (size_t i = 0; i < sizeof ARTIFICIAL_GROUPS / sizeof *ARTIFICIAL_GROUPS; i++)
            if (strcmp(group, ARTIFICIAL_GROUPS[i]) == 0) return &counts->artificial;
    }
    bool wanted = !reads->by_sample || (group && cnnscore_names_have(&file->groups, group));
    return wanted ? NULL : &counts->other_sample;
}

static int64_t *flag_fault(cnnscore_reader_counts *counts, uint16_t flag) {
    if (flag & BAM_FUNMAP) return &counts->unmapped;
    if (flag & (BAM_FSECONDARY | BAM_FSUPPLEMENTARY)) return &counts->secondary;
    if (flag & BAM_FDUP) return &counts->duplicate;
    return flag & BAM_FQCFAIL ? &counts->qc_fail : NULL;
}

static bool lacks_bases(const bam1_t *read) {
    bool mapped = !(read->core.flag & BAM_FUNMAP);
    return read->core.l_qseq <= 0 || bam_get_qual(read)[0] == 0xff || (mapped && read->core.n_cigar == 0);
}

/* The rule, counting what it drops. */
static bool counts_as_read(cnnscore_reads *reads, const cnnscore_reads_file *file, const bam1_t *read) {
    cnnscore_reader_counts *counts = &reads->counts;
    int64_t *fault = NULL;
    counts->reads++;
    if (reads->rule == CNNSCORE_READS_PRIMARY) fault = flag_fault(counts, read->core.flag);
    if (!fault) fault = group_fault(reads, file, read);
    if (!fault && lacks_bases(read)) fault = &counts->no_qualities;
    if (fault)
        ++*fault;
    else if (read->core.l_qseq < CNNSCORE_SHORTEST_READ)
        counts->too_short++;
    return !fault;
}

static bam1_t *spare_record(cnnscore_reads *reads) {
    return reads->n_spare ? reads->spare[--reads->n_spare] : bam_init1();
}

void cnnscore_reads_give_back(cnnscore_reads *reads, bam1_t *read) {
    if (!read) return;
    if (reads->n_spare == reads->spare_capacity) {
        size_t wanted = reads->spare_capacity ? 2 * reads->spare_capacity : 64;
        bam1_t **grown = realloc(reads->spare, wanted * sizeof *grown);
        if (!grown) {
            bam_destroy1(read);
            return;
        }
        reads->spare = grown;
        reads->spare_capacity = wanted;
    }
    reads->spare[reads->n_spare++] = read;
}

int cnnscore_reads_check_cigar(const cnnscore_reads *reads, int32_t file, const bam1_t *read,
                               cnnscore_error *err) {
    const uint32_t *cigar = bam_get_cigar(read);
    for (uint32_t i = 0; i < read->core.n_cigar; i++) {
        if (bam_cigar_op(cigar[i]) <= BAM_CDIFF) continue;
        const char *path = reads->files[file].path;
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s: the CIGAR of the read %s at %s:%lld has the operator %c, which is none of "
                             "MIDNSHP=X: take such reads out with `samtools view -e 'cigar!~\"[B?]\"'`",
                             path, bam_get_qname(read), reads->contig, (long long)read->core.pos + 1,
                             bam_cigar_opchr(cigar[i]));
    }
    return CNNSCORE_OK;
}

/* Read the next record, whether it counts or not, into file->head, and queue the file by it. */
static int advance(cnnscore_reads *reads, cnnscore_reads_file *file, cnnscore_error *err) {
    bam1_t *read = spare_record(reads);
    if (!read) return cnnscore_fail_memory(err);
    int status = sam_itr_next(file->file, file->query, read);
    if (status >= 0) {
        file->head = read;
        file->head_end = file->query->curr_end; /* bam_endpos, which the iterator has worked out */
        cnnscore_merge_offer(&reads->merge, (int32_t)(file - reads->files), read);
        return CNNSCORE_OK;
    }
    cnnscore_reads_give_back(reads, read);
    file->head = NULL;
    if (status == -1) return CNNSCORE_OK;
    return cnnscore_fail(
        err, CNNSCORE_ERR_INPUT,
        file->is_cram ? "%s: cannot decode its reads on contig %s from %lld on: is the reference the one "
                        "that the CRAM was made with? Otherwise the file is damaged"
                      : "%s: cannot read its reads on contig %s from %lld on: the file is truncated or "
                        "damaged, or its index is of another file (`samtools index`)",
        file->path, reads->contig, (long long)file->query->beg + 1);
}

int cnnscore_reads_query(cnnscore_reads *reads, const char *contig, int64_t begin, int64_t end,
                         cnnscore_error *err) {
    reads->contig = contig;
    reads->merge.n = 0;
    for (int32_t i = 0; i < reads->n_files; i++) {
        cnnscore_reads_file *file = &reads->files[i];
        cnnscore_reads_give_back(reads, file->head);
        file->head = NULL;
        hts_itr_destroy(file->query);
        file->query = sam_itr_queryi(file->index, sam_hdr_name2tid(file->header, contig), begin, end);
        if (!file->query)
            return cnnscore_fail(
                err, CNNSCORE_ERR_INPUT,
                "%s: its index cannot be queried at %s:%lld: make it anew with `samtools index %s`",
                file->path, contig, (long long)begin + 1, cnnscore_shell_word(file->path).text);
        int code = advance(reads, file, err);
        if (code != CNNSCORE_OK) return code;
    }
    return CNNSCORE_OK;
}

int cnnscore_reads_compare(const bam1_t *a, const bam1_t *b) {
    int order = cnnscore_reads_order(a, b);
    if (order) return order;
    if (a->l_data != b->l_data) return a->l_data < b->l_data ? -1 : 1;
    return memcmp(a->data, b->data, (size_t)a->l_data);
}

int64_t cnnscore_reads_next_pos(const cnnscore_reads *reads) {
    const cnnscore_merge *merge = &reads->merge;
    return merge->n ? merge->next[merge->queue[0]]->core.pos : INT64_MAX;
}

int cnnscore_reads_take(cnnscore_reads *reads, int64_t pos, cnnscore_taken_read *taken, cnnscore_error *err) {
    int32_t number = cnnscore_merge_take(&reads->merge);
    cnnscore_reads_file *file = &reads->files[number];
    *taken = (cnnscore_taken_read){.read = file->head, .end = file->head_end, .file = number};
    file->head = NULL;
    /* Most records between sites are passed over: the rule looks at those alone that matter. */
    if (taken->end > pos)
        taken->counts = counts_as_read(reads, file, taken->read);
    else {
        cnnscore_reads_give_back(reads, taken->read);
        taken->read = NULL;
    }
    return advance(reads, file, err);
}
