/* layout.c: the index of a call file -> how much of it each contig has, and where it may be cut. */
#include "layout.h"

#include <errno.h>
#include <htslib/bgzf.h>
#include <htslib/kstring.h>
#include <htslib/tbx.h>
#include <htslib/vcf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"
#include "fail.h"
#include "grow.h"
#include "index_check.h"
#include "shell_word.h"

#define WINDOW_SHIFT 14 /* the stretches that indexes tell apart, commonly */
#define POS_END (1LL << 44)
#define MEASURED 10000          /* records that tell how many bytes one has */
#define SHARD_LINE_BYTES 120000 /* of regions; a list of intervals that is longer makes no shard */

struct cnnscore_layout {
    char *path;
    htsFile *file;
    bcf_hdr_t *header;
    tbx_t *tbx;         /* of a VCF; or */
    hts_idx_t *idx;     /* of a BCF */
    const char **names; /* of the index of a VCF */
    cnnscore_indexed_contigs contigs;
    uint64_t records; /* where they begin, as a virtual offset */
    double ratio;     /* bytes of the file per byte of a block, of the first one */
    int windows_of;   /* the contig whose windows these are, -1: none */
    double *windows;  /* place of the first record in each, or after it */
    size_t n_windows, windows_room;
    kstring_t line;
    bcf1_t *record;
};

/* ---- places ---- */

static double place_of(const cnnscore_layout *self, uint64_t offset) {
    return (double)(offset >> 16) + (double)(offset & 0xFFFF) * self->ratio;
}

static hts_itr_t *query(const cnnscore_layout *self, int tid, int64_t begin, int64_t end) {
    return self->tbx ? tbx_itr_queryi(self->tbx, tid, begin, end)
                     : bcf_itr_queryi(self->idx, tid, begin, end);
}

/* Whether the index knows of records within; where the first one is. */
static bool look(const cnnscore_layout *self, int tid, int64_t begin, int64_t end, uint64_t *first) {
    hts_itr_t *found = query(self, tid, begin, end);
    bool any = found && found->n_off > 0;
    if (any) *first = found->off[0].u;
    if (found) hts_itr_destroy(found);
    return any;
}

static int fail_damaged(const cnnscore_layout *self, cnnscore_error *err) {
    return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                         "cannot read the records of %s: the file is truncated or damaged; `bcftools view` "
                         "says more",
                         self->path);
}

/* ---- opening ---- */

static int load_index(cnnscore_layout *self, const char *path, cnnscore_error *err) {
    char *index = cnnscore_index_find(path, CNNSCORE_INDEXED_CALLS), *copy = NULL, *both = NULL;
    if (!index)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s has no index, by which it is cut into shards: make one with "
                             "`bcftools index %s`",
                             path, cnnscore_shell_word(path).text);
    int code = cnnscore_index_contigs(path, index, &self->contigs, err);
    if (code == CNNSCORE_OK && !(both = cnnscore_name_with_index(path, index, &copy)))
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT, "the index %s cannot be copied to $TMPDIR: %s", index,
                             strerror(errno));
    if (code == CNNSCORE_OK) {
        const char *from = copy ? copy : index;
        if (hts_get_format(self->file)->format == vcf)
            self->tbx = tbx_index_load3(path, from, 0);
        else
            self->idx = bcf_index_load3(path, from, 0);
        if (!self->tbx && !self->idx)
            code = cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                                 "the index %s cannot be read: make it anew with `bcftools index -f %s`",
                                 index, cnnscore_shell_word(path).text);
    }
    if (copy) unlink(copy);
    free(copy);
    free(both);
    free(index);
    return code;
}

static int open_file(cnnscore_layout *self, const char *path, cnnscore_error *err) {
    static const char remedy[] =
        "write it to a file with `bcftools view -Oz -o FILE`, then `bcftools index FILE`";
    struct stat found;
    if (strcmp(path, "-") == 0)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "standard input has no index, by which calls are cut into shards: %s", remedy);
    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode))
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s is a stream and has no index, by which calls are cut into shards: %s", path,
                             remedy);
    char *name = cnnscore_data_name(path);
    if (!name) return cnnscore_fail_memory(err);
    errno = 0;
    self->file = hts_open(name, "r");
    int code = CNNSCORE_OK;
    if (!self->file)
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT, "cannot open %s: %s", path,
                             errno ? strerror(errno) : "not a VCF or BCF file");
    else if (hts_get_format(self->file)->format != vcf && hts_get_format(self->file)->format != bcf)
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s is neither VCF nor BCF", path);
    else if (hts_get_format(self->file)->compression != bgzf)
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s is not compressed with bgzip, and has no index, by which it is cut into "
                             "shards: `bcftools view -Oz -o FILE`, then `bcftools index FILE`",
                             path);
    else if (!(self->header = bcf_hdr_read(self->file)))
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "cannot read the header of %s: it is truncated, or something else", path);
    else
        self->records = (uint64_t)bgzf_tell(hts_get_bgzfp(self->file));
    free(name);
    return code;
}

/* How much the block of the first record is compressed: a measure for places within blocks. */
static int find_ratio(cnnscore_layout *self, cnnscore_error *err) {
    BGZF *file = hts_get_bgzfp(self->file);
    uint64_t block = self->contigs.items[0].begin >> 16;
    char *bytes = malloc(BGZF_MAX_BLOCK_SIZE);
    if (!bytes) return cnnscore_fail_memory(err);
    ssize_t length = -1;
    if (bgzf_seek(file, (int64_t)(block << 16), SEEK_SET) >= 0 && bgzf_peek(file) >= 0)
        length = file->block_length;
    bool is_sound = length > 0 && bgzf_read(file, bytes, (size_t)length) == length;
    if (is_sound) self->ratio = (double)(((uint64_t)bgzf_tell(file) >> 16) - block) / (double)length;
    free(bytes);
    return is_sound ? CNNSCORE_OK : fail_damaged(self, err);
}

void cnnscore_layout_close(cnnscore_layout *self) {
    if (!self) return;
    if (self->tbx) tbx_destroy(self->tbx);
    if (self->idx) hts_idx_destroy(self->idx);
    if (self->header) bcf_hdr_destroy(self->header);
    if (self->file) hts_close(self->file);
    if (self->record) bcf_destroy(self->record);
    free(self->names);
    cnnscore_indexed_contigs_free(&self->contigs);
    free(self->windows);
    ks_free(&self->line);
    free(self->path);
    free(self);
}

const char *cnnscore_layout_contig(const cnnscore_layout *self, int32_t i, cnnscore_extent *extent) {
    if (i < 0 || (size_t)i >= self->contigs.n) return NULL;
    const cnnscore_indexed_contig *one = &self->contigs.items[i];
    extent->records = one->records;
    extent->begin = place_of(self, one->begin);
    extent->end = place_of(self, one->end);
    return self->tbx ? self->names[one->number] : bcf_hdr_id2name(self->header, one->number);
}

/* ---- records ---- */

/* POS (0-based) and the bases of REF of a line. */
static bool parse_line(const char *line, int64_t *position, int64_t *bases) {
    const char *field[5] = {line};
    for (int i = 1; i < 5; i++) {
        const char *tab = strchr(field[i - 1], '\t');
        if (!tab) return false;
        field[i] = tab + 1;
    }
    char *rest;
    *position = strtoll(field[1], &rest, 10) - 1;
    *bases = field[4] - field[3] - 1;
    return *rest == '\t' && rest != field[1];
}

/* The next record of what was asked for, or of the file: 1; 0 at the end. */
static int next_record(cnnscore_layout *self, hts_itr_t *asked, int64_t *position, int64_t *bases,
                       cnnscore_error *err) {
    int code;
    bool is_sound = true;
    if (self->tbx) {
        code = asked ? tbx_itr_next(self->file, self->tbx, asked, &self->line)
                     : hts_getline(self->file, '\n', &self->line);
        if (code >= 0) is_sound = parse_line(self->line.s, position, bases);
    } else {
        code = asked ? bcf_itr_next(self->file, asked, self->record)
                     : bcf_read(self->file, self->header, self->record);
        if (code >= 0) is_sound = bcf_unpack(self->record, BCF_UN_STR) == 0 && self->record->n_allele > 0;
        if (code >= 0 && is_sound) {
            *position = self->record->pos;
            *bases = (int64_t)strlen(self->record->d.allele[0]);
        }
    }
    if (code < -1 || !is_sound || cnnscore_is_damaged(self->file)) return fail_damaged(self, err);
    return code >= 0;
}

/* No index finds what lies before a contig's first base. */
static int check_first(cnnscore_layout *self, cnnscore_error *err) {
    uint64_t at = self->records;
    for (size_t i = 0; i < self->contigs.n; at = self->contigs.items[i++].end) {
        int64_t position = 0, bases;
        int code = bgzf_seek(hts_get_bgzfp(self->file), (int64_t)at, SEEK_SET) < 0
                       ? fail_damaged(self, err)
                       : next_record(self, NULL, &position, &bases, err);
        if (code < 0) return code;
        if (position < 0)
            return cnnscore_fail(
                err, CNNSCORE_ERR_INPUT,
                "%s has a record at POS 0 (contig %d of those with records), which no index "
                "finds: leave such out with `bcftools view -e 'POS=0'`, or do without shards",
                self->path, (int)i + 1);
    }
    return CNNSCORE_OK;
}

int cnnscore_layout_open(const char *path, cnnscore_layout **out, cnnscore_error *err) {
    *out = NULL;
    cnnscore_layout *self = calloc(1, sizeof *self);
    if (!self) return cnnscore_fail_memory(err);
    self->windows_of = -1;
    self->path = strdup(path);
    self->record = bcf_init();
    int code = self->path && self->record ? open_file(self, path, err) : cnnscore_fail_memory(err);
    if (code == CNNSCORE_OK) code = load_index(self, path, err);
    int n;
    if (code == CNNSCORE_OK && self->tbx && !(self->names = tbx_seqnames(self->tbx, &n)) && self->contigs.n)
        code = cnnscore_fail_memory(err);
    if (code == CNNSCORE_OK && self->contigs.n > 0) code = find_ratio(self, err);
    if (code == CNNSCORE_OK) code = check_first(self, err);
    if (code != CNNSCORE_OK) {
        cnnscore_layout_close(self);
        return code;
    }
    *out = self;
    return CNNSCORE_OK;
}

int cnnscore_layout_density(cnnscore_layout *self, double *bytes, cnnscore_error *err) {
    BGZF *file = hts_get_bgzfp(self->file);
    int64_t records = 0, position, length;
    *bytes = 0.0;
    if (self->contigs.n == 0) return CNNSCORE_OK;
    uint64_t begin = self->contigs.items[0].begin;
    if (bgzf_seek(file, (int64_t)begin, SEEK_SET) < 0) return fail_damaged(self, err);
    int code = 0;
    while (records < MEASURED && (code = next_record(self, NULL, &position, &length, err)) > 0) records++;
    if (code < 0) return code;
    double end = place_of(self, (uint64_t)bgzf_tell(file));
    if (records > 0) *bytes = (end - place_of(self, begin)) / (double)records;
    return CNNSCORE_OK;
}

/* ---- cuts ---- */

static int find_windows(cnnscore_layout *self, int32_t i, cnnscore_error *err) {
    if (self->windows_of == i) return CNNSCORE_OK;
    const cnnscore_indexed_contig *one = &self->contigs.items[i];
    size_t n = (size_t)(one->reach >> WINDOW_SHIFT) + 1;
    self->windows_of = -1;
    if (cnnscore_reserve(&self->windows, &self->windows_room, n, sizeof *self->windows) < 0)
        return cnnscore_fail_memory(err);
    double place = place_of(self, one->begin);
    for (size_t w = 0; w < n; w++) {
        uint64_t first;
        int64_t begin = (int64_t)w << WINDOW_SHIFT;
        if (look(self, one->number, begin, begin + (1 << WINDOW_SHIFT), &first) &&
            place_of(self, first) > place)
            place = place_of(self, first);
        self->windows[w] = place;
    }
    self->n_windows = n;
    self->windows_of = i;
    return CNNSCORE_OK;
}

int cnnscore_layout_cut(cnnscore_layout *self, int32_t i, double wanted, int64_t *position, double *found,
                        cnnscore_error *err) {
    *position = -1;
    int code = find_windows(self, i, err);
    if (code != CNNSCORE_OK) return code;
    size_t low = 0, high = self->n_windows;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (self->windows[middle] <= wanted)
            low = middle;
        else
            high = middle;
    }
    /* Of stretches that begin at one place the first: a record that reaches into the cut begins before. */
    while (low > 0 && self->windows[low - 1] == self->windows[low]) low--;
    hts_itr_t *asked = query(self, self->contigs.items[i].number, (int64_t)low << WINDOW_SHIFT, POS_END);
    if (!asked) return cnnscore_fail_memory(err);
    int64_t at = 0, bases = 0, reached = 0;
    double place = self->windows[low];
    while ((code = next_record(self, asked, &at, &bases, err)) > 0) {
        if (place >= wanted && at >= reached && at > 0) {
            *position = at;
            *found = place;
            break;
        }
        if (at + bases > reached) reached = at + bases;
        place = place_of(self, asked->curr_off);
    }
    hts_itr_destroy(asked);
    return code < 0 ? code : CNNSCORE_OK;
}

/* ---- which part of a file ---- */

/* Which contig of those with records it is; 0: none. */
static int order_of(const cnnscore_calls *calls, const char *const *names, const char *name) {
    for (size_t i = 0; i < calls->contigs.n; i++) {
        int32_t number = calls->contigs.items[i].number;
        const char *known = names ? names[number] : bcf_hdr_id2name(calls->header, number);
        if (known && strcmp(known, name) == 0) return (int)i + 1;
    }
    return 0;
}

/* The regions as text; the contig that comes first of all. */
static int put_regions(const cnnscore_calls *calls, const char *const *names, int *first, kstring_t *line) {
    int64_t begin, end;
    const char *name;
    bool failed = false;
    *first = 0;
    for (size_t i = 0; !failed && (name = cnnscore_intervals_item(calls->regions, i, &begin, &end)); i++) {
        if (line->l > SHARD_LINE_BYTES) break;
        int order = order_of(calls, names, name);
        if (order == 0) continue;
        failed = ksprintf(line, strchr(name, ':') ? "%s{%s}" : "%s%s", *first ? "," : "", name) < 0;
        if (end != CNNSCORE_CONTIG_END)
            failed |= ksprintf(line, ":%lld-%lld", (long long)begin + 1, (long long)end) < 0;
        else if (begin > 0)
            failed |= ksprintf(line, ":%lld-", (long long)begin + 1) < 0;
        if (*first == 0 || order < *first) *first = order;
    }
    return failed ? -1 : 0;
}

int cnnscore_calls_shard_line(const cnnscore_calls *calls, const char *key, kstring_t *line) {
    static const char *const overlaps[] = {"pos", "record", "variant"};
    if (!calls->regions) return 0;
    int n, first;
    tbx_t *tbx = calls->source->readers[0].tbx_idx;
    const char **names = tbx ? tbx_seqnames(tbx, &n) : NULL;
    line->l = 0;
    bool failed = ksprintf(line, "##" CNNSCORE_SHARD_LINE "=<ID=%s,Regions=\"", key) < 0 ||
                  put_regions(calls, names, &first, line) < 0;
    bool is_long = line->l > SHARD_LINE_BYTES;
    if (!failed && !is_long)
        failed = ksprintf(line, "\",Overlap=%s,First=%d,Contigs=%d>", overlaps[calls->regions_overlap], first,
                          (int)calls->contigs.n) < 0;
    free(names);
    return failed ? -1 : !is_long;
}
