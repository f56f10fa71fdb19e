/* change_reads.c: aligned reads -> FASTQ, changed where their haplotype is. */
#include <errno.h>
#include <htslib/sam.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "grow.h"
#include "int64.h"
#include "plant.h"

#define MOST CNNSCORE_PLANT_MOST
#define LONGEST_SPAN 100000 /* of the reference: a read that spans more (spliced) is written as it is */

typedef struct {
    const char *path, *output;
    const cnnscore_changes *changes;
    samFile *file;
    sam_hdr_t *header;
    bam1_t *read;
    FILE *out;
    int32_t *contig_of; /* [contigs of the header] which of the changes' contigs, or -1 */
    char *bases;        /* of a read, in the direction of the alignment */
    char *qualities;    /* with them; + 33 */
    char *changed, *changed_qualities;
    int32_t *at; /* which base of the read lies at each position it is aligned to, or -1 */
    size_t capacity[5];
} job;

static int open_files(job *self, cnnscore_error *err) {
    errno = 0;
    self->file = sam_open(self->path, "r");
    if (!self->file || hts_get_format(self->file)->format != bam)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "cannot open the reads %s: %s", self->path,
                             errno ? strerror(errno) : "not a BAM file");
    if (hts_check_EOF(self->file) == 0)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s is truncated (it has no end marker)", self->path);
    self->header = sam_hdr_read(self->file);
    self->read = bam_init1();
    if (!self->read) return cnnscore_fail_memory(err);
    if (!self->header)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: cannot read its header", self->path);
    int n = sam_hdr_nref(self->header);
    self->contig_of = malloc(((size_t)n + 1) * sizeof *self->contig_of);
    if (!self->contig_of) return cnnscore_fail_memory(err);
    for (int i = 0; i < n; i++) self->contig_of[i] = -1;
    for (int32_t i = 0; i < self->changes->n_contigs; i++) {
        int tid = sam_hdr_name2tid(self->header, self->changes->contigs[i]);
        if (tid < 0)
            return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s has no contig %s", self->path,
                                 self->changes->contigs[i]);
        self->contig_of[tid] = i;
    }
    self->out = fopen(self->output, "w");
    if (!self->out)
        return cnnscore_fail(err, CNNSCORE_ERR_OUTPUT, "cannot write %s: %s", self->output, strerror(errno));
    return CNNSCORE_OK;
}

static int close_files(job *self, int code, cnnscore_error *err) {
    errno = 0;
    if (self->out && fclose(self->out) != 0 && code == CNNSCORE_OK)
        code = cnnscore_fail(err, CNNSCORE_ERR_OUTPUT, "cannot write %s: %s", self->output, strerror(errno));
    if (self->read) bam_destroy1(self->read);
    if (self->header) sam_hdr_destroy(self->header);
    if (self->file) sam_close(self->file);
    free(self->contig_of);
    free(self->bases);
    free(self->qualities);
    free(self->changed);
    free(self->changed_qualities);
    free(self->at);
    return code;
}

/* FNV-1a of the name, from the seed on, and mixed: its lowest bit is the haplotype. */
static uint8_t haplotype_of(const char *name, uint64_t seed) {
    uint64_t value = 0xCBF29CE484222325u ^ (seed * 0x9E3779B97F4A7C15u);
    for (; *name; name++) value = (value ^ (uint8_t)*name) * 0x100000001B3u;
    value = (value ^ (value >> 31)) * 0x9E3779B97F4A7C15u;
    return (uint8_t)((value >> 40) & 1);
}

static int bad_read(const job *self, const char *what, cnnscore_error *err) {
    const bam1_t *read = self->read;
    bool has_place = read->core.tid >= 0 && read->core.tid < sam_hdr_nref(self->header);
    return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: the read %s at %s:%lld %s", self->path,
                         bam_get_qname(read),
                         has_place ? sam_hdr_tid2name(self->header, read->core.tid) : "*",
                         (long long)read->core.pos + 1, what);
}

/* The bases and qualities of the read as text. */
static int decode(job *self, size_t n, cnnscore_error *err) {
    if (cnnscore_reserve(&self->bases, &self->capacity[0], n + 1, 1) < 0 ||
        cnnscore_reserve(&self->qualities, &self->capacity[1], n + 1, 1) < 0)
        return cnnscore_fail_memory(err);
    const uint8_t *bases = bam_get_seq(self->read), *qualities = bam_get_qual(self->read);
    if (n && qualities[0] == 0xff) return bad_read(self, "has no base qualities", err);
    for (size_t i = 0; i < n; i++) {
        self->bases[i] = seq_nt16_str[bam_seqi(bases, i)];
        self->qualities[i] = (char)((qualities[i] > 93 ? 93 : qualities[i]) + 33);
    }
    return CNNSCORE_OK;
}

/* Fills self->at for the positions that the read spans. */
static int align(job *self, int64_t span, cnnscore_error *err) {
    const bam1_t *read = self->read;
    const uint32_t *cigar = bam_get_cigar(read);
    if (cnnscore_reserve(&self->at, &self->capacity[4], (size_t)span + 1, sizeof *self->at) < 0)
        return cnnscore_fail_memory(err);
    int64_t position = 0;
    int32_t base = 0;
    for (uint32_t i = 0; i < read->core.n_cigar; i++) {
        int type = bam_cigar_type(bam_cigar_op(cigar[i]));
        for (uint32_t k = 0; k < bam_cigar_oplen(cigar[i]) && (type & 2); k++)
            self->at[position++] = type & 1 ? base + (int32_t)k : -1;
        if (type & 1) base += (int32_t)bam_cigar_oplen(cigar[i]);
    }
    return CNNSCORE_OK;
}

/* The first change of the contig at or after `pos`. */
static int64_t first_change(const cnnscore_changes *changes, int32_t contig, int64_t pos) {
    int64_t low = changes->begin[contig], high = changes->begin[contig + 1];
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (changes->pos[middle] < pos)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Which bases of the read, from *from to before *to, change `i` replaces; false: none. The read spans
 * [start, end). */
static bool place_of(const job *self, int64_t i, int64_t start, int64_t end, int32_t *from, int32_t *to) {
    const cnnscore_changes *changes = self->changes;
    int64_t pos = changes->pos[i];
    int32_t n_removed = changes->n_removed[i];
    if (!n_removed) { /* it must be read on both sides, else nobody sees what is inserted */
        if (pos - 1 < start || pos >= end || self->at[pos - 1 - start] < 0) return false;
        *from = *to = self->at[pos - start];
        return *from >= 0;
    }
    *from = *to = -1;
    for (int64_t at = max64(pos, start); at < min64(pos + n_removed, end); at++) {
        if (self->at[at - start] < 0) continue;
        if (*from < 0) *from = self->at[at - start];
        *to = self->at[at - start] + 1;
    }
    if (*from < 0) return false;
    const uint8_t *removed = changes->removed + i * MOST;
    return changes->n_inserted[i] != n_removed ||
           (*to - *from == n_removed && memcmp(self->bases + *from, removed, (size_t)n_removed) == 0);
}

/* The read with the changes of its haplotype -> self->changed; its length, or -1: none. */
static int64_t apply(job *self, int32_t contig, size_t n, int64_t span) {
    const cnnscore_changes *changes = self->changes;
    int64_t start = self->read->core.pos, end = start + span;
    uint8_t haplotype = haplotype_of(bam_get_qname(self->read), changes->seed);
    size_t done = 0, length = 0;
    bool any = false;
    for (int64_t i = first_change(changes, contig, start - MOST); i < changes->begin[contig + 1]; i++) {
        int32_t from, to;
        if (changes->pos[i] >= end) break;
        if (changes->haplotype[i] != haplotype || !place_of(self, i, start, end, &from, &to)) continue;
        if ((size_t)from < done) continue;
        memcpy(self->changed + length, self->bases + done, (size_t)from - done);
        memcpy(self->changed_qualities + length, self->qualities + done, (size_t)from - done);
        length += (size_t)from - done;
        for (int32_t k = 0; k < changes->n_inserted[i]; k++, length++) {
            int64_t source = min64(from + k, (int64_t)n - 1);
            self->changed[length] = (char)changes->inserted[i * MOST + k];
            self->changed_qualities[length] = self->qualities[source];
        }
        done = (size_t)to;
        any = true;
    }
    if (!any) return -1;
    memcpy(self->changed + length, self->bases + done, n - done);
    memcpy(self->changed_qualities + length, self->qualities + done, n - done);
    return (int64_t)(length + n - done);
}

/* How many changes the read may have: each has room for its bases. */
static int64_t changes_of(const job *self, int32_t contig, int64_t span) {
    int64_t start = self->read->core.pos;
    return first_change(self->changes, contig, start + span) -
           first_change(self->changes, contig, start - MOST);
}

static void put(job *self, const char *bases, const char *qualities, size_t n) {
    static const char complement[] = "=TGKCYSBAWRDMHVN"; /* of seq_nt16_str, "=ACMGRSVTWYHKDBN" */
    bool is_reverse = bam_is_rev(self->read);
    fprintf(self->out, "@%s\n", bam_get_qname(self->read));
    for (size_t i = 0; i < n; i++)
        putc_unlocked(is_reverse ? complement[seq_nt16_table[(uint8_t)bases[n - 1 - i]]] : bases[i],
                      self->out);
    fputs("\n+\n", self->out);
    for (size_t i = 0; i < n; i++) putc_unlocked(qualities[is_reverse ? n - 1 - i : i], self->out);
    putc_unlocked('\n', self->out);
}

static int write_read(job *self, cnnscore_changed_reads *done, cnnscore_error *err) {
    const bam1_t *read = self->read;
    if (read->core.l_qseq <= 0) return bad_read(self, "has no bases", err);
    size_t n = (size_t)read->core.l_qseq;
    int code = decode(self, n, err);
    if (code != CNNSCORE_OK) return code;
    done->reads++;
    int32_t tid = read->core.tid, contig = -1;
    if (!(read->core.flag & BAM_FUNMAP) && tid >= 0 && tid < sam_hdr_nref(self->header))
        contig = self->contig_of[tid];
    int64_t span = 0;
    if (contig >= 0) {
        int n_cigar = (int)read->core.n_cigar;
        if (bam_cigar2qlen(n_cigar, bam_get_cigar(read)) != (hts_pos_t)n)
            return bad_read(self, "has a CIGAR of another length than its bases", err);
        span = bam_cigar2rlen(n_cigar, bam_get_cigar(read));
    }
    int64_t most = span > 0 && span <= LONGEST_SPAN ? changes_of(self, contig, span) : 0, length = -1;
    if (most > 0) {
        size_t room = n + (size_t)most * MOST + 1;
        if (cnnscore_reserve(&self->changed, &self->capacity[2], room, 1) < 0 ||
            cnnscore_reserve(&self->changed_qualities, &self->capacity[3], room, 1) < 0)
            return cnnscore_fail_memory(err);
        code = align(self, span, err);
        if (code != CNNSCORE_OK) return code;
        length = apply(self, contig, n, span);
    }
    if (length <= 0) { /* none, or nothing would be left */
        put(self, self->bases, self->qualities, n);
        return CNNSCORE_OK;
    }
    done->changed++;
    int64_t too_much = max64(0, length - (int64_t)n);
    int64_t begin = bam_is_rev(read) ? too_much : 0;
    put(self, self->changed + begin, self->changed_qualities + begin, (size_t)(length - too_much));
    return CNNSCORE_OK;
}

int cnnscore_change_reads(const char *path, const char *output, const cnnscore_changes *changes,
                          cnnscore_changed_reads *done, cnnscore_error *err) {
    job self = {.path = path, .output = output, .changes = changes};
    *done = (cnnscore_changed_reads){.struct_size = sizeof *done};
    int code = open_files(&self, err), got = -1;
    while (code == CNNSCORE_OK && (got = sam_read1(self.file, self.header, self.read)) >= 0)
        if (!(self.read->core.flag & (BAM_FSECONDARY | BAM_FSUPPLEMENTARY)))
            code = write_read(&self, done, err);
    if (code == CNNSCORE_OK && got < -1)
        code =
            cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: a read cannot be decoded: the file is damaged", path);
    if (code == CNNSCORE_OK && ferror(self.out))
        code = cnnscore_fail(err, CNNSCORE_ERR_OUTPUT, "cannot write %s: %s", output, strerror(errno));
    return close_files(&self, code, err);
}
