/* intervals.c: regions and targets -> checked, merged stretches.
 *
 * htslib takes much in silence that selects nothing, and some of it ends the process: an empty list, a number
 * past 64 bits, a reversed span. So what it gets is written anew from what was understood here. */
#define _GNU_SOURCE /* memfd_create */
#include "intervals.h"

#include <ctype.h>
#include <errno.h>
#include <htslib/bgzf.h>
#include <htslib/faidx.h>
#include <htslib/kstring.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "grow.h"
#include "places.h"
#include "reference.h"

#define POS_MAX CNNSCORE_CONTIG_END /* htslib's largest for an index, and so for a whole contig */

typedef struct {
    int32_t contig; /* index into names */
    int64_t begin, end;
    int64_t line; /* of a file, from 1 on */
} interval;

struct cnnscore_intervals {
    char *text; /* as given, without the ^ */
    const char *what;
    bool is_file, excludes;
    char **names;
    cnnscore_places *contigs; /* of the names */
    int64_t *first_line;      /* of a contig */
    size_t n_names, names_room, lines_room;
    interval *items;
    size_t n, room;
    kstring_t note;
    int file;
    char file_name[64];
};

struct cnnscore_contigs {
    faidx_t *index;
};

/* ---- contigs' names ---- */

cnnscore_contigs *cnnscore_contigs_open(const char *reference) {
    if (!reference) return NULL;
    faidx_t *index = cnnscore_reference_index(reference, false, NULL); /* one without is refused later */
    cnnscore_contigs *self = index ? malloc(sizeof *self) : NULL;
    if (self)
        self->index = index;
    else if (index)
        fai_destroy(index);
    return self;
}

void cnnscore_contigs_close(cnnscore_contigs *self) {
    if (!self) return;
    fai_destroy(self->index);
    free(self);
}

static bool has_contig(const bcf_hdr_t *header, const cnnscore_contigs *reference, const char *name) {
    return (header && bcf_hdr_name2id(header, name) >= 0) ||
           (reference && faidx_has_seq(reference->index, name));
}

/* The same contig as people write it: chr1 and 1, chrM and MT, in any case. */
static bool is_alike(const char *a, const char *b) {
    if (strncasecmp(a, "chr", 3) == 0 && a[3]) a += 3;
    if (strncasecmp(b, "chr", 3) == 0 && b[3]) b += 3;
    if (strcasecmp(a, "MT") == 0) a = "M";
    if (strcasecmp(b, "MT") == 0) b = "M";
    return strcasecmp(a, b) == 0;
}

/* ---- parsing ---- */

static int fail_at(const cnnscore_intervals *self, int64_t line, cnnscore_error *err, const char *problem,
                   const char *where) {
    if (self->is_file)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: line %lld %s: \"%.80s\"", self->text,
                             (long long)line, problem, where);
    return cnnscore_fail(
        err, CNNSCORE_ERR_USAGE,
        "the %s \"%.80s\": \"%.80s\" %s; expected CHR, CHR:POS or CHR:BEG-END, comma-separated", self->what,
        self->text, where, problem);
}

/* Takes `name`; its number, or -1. */
static int64_t add_contig(cnnscore_intervals *self, char *name, int64_t line, cnnscore_error *err) {
    if (!name ||
        cnnscore_reserve(&self->names, &self->names_room, self->n_names + 1, sizeof *self->names) < 0 ||
        cnnscore_reserve(&self->first_line, &self->lines_room, self->n_names + 1, sizeof *self->first_line) <
            0 ||
        cnnscore_places_add(self->contigs, name, (int32_t)self->n_names) < 0) {
        free(name);
        cnnscore_fail_memory(err);
        return -1;
    }
    self->first_line[self->n_names] = line;
    self->names[self->n_names] = name;
    return (int64_t)self->n_names++;
}

static int add(cnnscore_intervals *self, const char *name, size_t length, int64_t begin, int64_t end,
               int64_t line, cnnscore_error *err) {
    int64_t contig = self->n > 0 ? self->items[self->n - 1].contig : -1; /* most often the one before */
    if (contig < 0 || strncmp(self->names[contig], name, length) != 0 || self->names[contig][length]) {
        char *own = strndup(name, length);
        contig = own ? cnnscore_places_find(self->contigs, own) : -1;
        if (contig >= 0)
            free(own);
        else if ((contig = add_contig(self, own, line, err)) < 0)
            return err->code;
    }
    if (cnnscore_reserve(&self->items, &self->room, self->n + 1, sizeof *self->items) < 0)
        return cnnscore_fail_memory(err);
    self->items[self->n++] = (interval){.contig = (int32_t)contig, .begin = begin, .end = end, .line = line};
    return CNNSCORE_OK;
}

/* Digits alone -> *value; returns what follows, NULL where there is no digit or too many. */
static const char *number(const char *text, int64_t *value) {
    if (!isdigit((unsigned char)*text)) return NULL;
    *value = 0;
    for (; isdigit((unsigned char)*text); text++) {
        *value = 10 * *value + (*text - '0');
        if (*value > POS_MAX) return NULL;
    }
    return text;
}

/* POS, BEG-END or BEG-: 1-based and closed. Returns what is wrong, or NULL. */
static const char *parse_span(const char *text, int64_t *begin, int64_t *end) {
    const char *rest = number(text, begin);
    if (!rest || *begin < 1) return "is no region: positions are numbers from 1 on";
    *end = *begin;
    if (*rest == '-' && rest[1] == '\0') {
        *end = POS_MAX;
    } else if (*rest == '-') {
        rest = number(rest + 1, end);
        if (!rest || *rest) return "is no region: its end is no number";
        if (*end < *begin) return "ends before it begins";
    } else if (*rest) {
        return "is no region: its position is no number";
    }
    (*begin)--;
    return NULL;
}

/* One item of a list. A contig's name may hold colons: the whole item is one if that is known; `{NAME}:SPAN`
 * names it in any case. */
static int parse_item(cnnscore_intervals *self, const char *item, const bcf_hdr_t *header,
                      const cnnscore_contigs *reference, cnnscore_error *err) {
    int64_t begin = 0, end = POS_MAX;
    const char *name = item, *after, *problem = NULL;
    size_t length = strlen(item);
    if (*item == '{') {
        after = strchr(item, '}');
        if (!after || after == item + 1 || (after[1] != ':' && after[1] != '\0'))
            return fail_at(self, 0, err, "is no region: a name in braces is {CHR} or {CHR}:BEG-END", item);
        name = item + 1;
        length = (size_t)(after - name);
        if (after[1] == ':') problem = parse_span(after + 2, &begin, &end);
    } else if (!has_contig(header, reference, item) && (after = strrchr(item, ':'))) {
        length = (size_t)(after - item);
        problem = parse_span(after + 1, &begin, &end);
    }
    if (!problem && length == 0) problem = "is no region: it names no contig";
    if (!problem && self->n > 0 && name == item && strspn(item, "0123456789-") == length && length == 3 &&
        !has_contig(header, reference, item))
        problem = "is no region: write numbers without thousands separators";
    if (problem) return fail_at(self, 0, err, problem, item);
    return add(self, name, length, begin, end, 0, err);
}

static int parse_list(cnnscore_intervals *self, const bcf_hdr_t *header, const cnnscore_contigs *reference,
                      cnnscore_error *err) {
    char *copy = strdup(self->text), *rest = copy;
    if (!copy) return cnnscore_fail_memory(err);
    int code = CNNSCORE_OK;
    for (char *item; code == CNNSCORE_OK && (item = strsep(&rest, ","));)
        code = *item ? parse_item(self, item, header, reference, err)
                     : fail_at(self, 0, err, "is no region", item);
    free(copy);
    return code;
}

/* Columns of a line, apart by tabs or, as BED allows, spaces; returns their number, at most 3. */
static int columns(char *line, char *column[3]) {
    int n = 0;
    for (char *rest = line, *word; n < 3 && (word = strsep(&rest, "\t "));)
        if (*word) column[n++] = word;
    return n;
}

/* A line of a BED (0-based), of CONTIG, POS or CONTIG, BEG, END (1-based, closed), or of a VCF. */
static int parse_line(cnnscore_intervals *self, char *line, int64_t number_of_line, bool is_bed, bool is_vcf,
                      cnnscore_error *err) {
    char shown[81];
    snprintf(shown, sizeof shown, "%.80s", line);
    char *column[3];
    int n = columns(line, column);
    int64_t begin = 0, end = 0;
    const char *problem = is_bed ? "is no BED region (contig, begin, end)" : "is no region (CHROM, BEG, END)";
    if (n < 2 || (is_bed && n < 3)) return fail_at(self, number_of_line, err, problem, shown);
    const char *rest = number(column[1], &begin);
    if (!rest || *rest || (!is_bed && begin < 1)) return fail_at(self, number_of_line, err, problem, shown);
    end = begin;
    if (n == 3 && !is_vcf) {
        rest = number(column[2], &end);
        if (!rest || *rest) return fail_at(self, number_of_line, err, problem, shown);
    }
    if (!is_bed) begin--;
    if (end < begin + !is_bed) return fail_at(self, number_of_line, err, "ends before it begins", shown);
    if (end == begin) return CNNSCORE_OK; /* BED's empty region */
    return add(self, column[0], strlen(column[0]), begin, end, number_of_line, err);
}

static bool has_suffix(const char *text, const char *suffix) {
    size_t length = strlen(text), end = strlen(suffix);
    return length >= end && strcasecmp(text + length - end, suffix) == 0;
}

static int parse_file(cnnscore_intervals *self, cnnscore_error *err) {
    BGZF *file = bgzf_open(self->text, "r");
    if (!file)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "cannot read the intervals %s: %s", self->text,
                             strerror(errno));
    bool is_bed = has_suffix(self->text, ".bed") || has_suffix(self->text, ".bed.gz"), is_vcf = false;
    kstring_t line = {0};
    int length = 0, code = CNNSCORE_OK;
    for (int64_t i = 1; code == CNNSCORE_OK && (length = bgzf_getline(file, '\n', &line)) >= 0; i++) {
        char *text = line.s ? line.s : "";
        if (i == 1 && strncmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3; /* the mark of an editor */
        while (length > 0 && isspace((unsigned char)line.s[length - 1])) line.s[--length] = '\0';
        if (i == 1) is_vcf = strncmp(text, "##fileformat=VCF", 16) == 0;
        if (*text == '\0' || *text == '#' || strncmp(text, "browser", 7) == 0 ||
            strncmp(text, "track", 5) == 0)
            continue;
        code = parse_line(self, text, i, is_bed, is_vcf, err);
    }
    free(line.s);
    if (file->errcode != 0 || (code == CNNSCORE_OK && length < -1))
        code =
            cnnscore_fail(err, CNNSCORE_ERR_INPUT, "cannot read the intervals %s: it is damaged", self->text);
    bgzf_close(file);
    if (code == CNNSCORE_OK && self->n == 0)
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s has no region: it must be a BED (contig, begin, end) "
                             "or have lines CHROM, BEG, END",
                             self->text);
    return code;
}

/* ---- merging ---- */

static int by_place(const void *a, const void *b) {
    const interval *x = a, *y = b;
    if (x->contig != y->contig) return x->contig < y->contig ? -1 : 1;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return 0;
}

/* In the order in which contigs were named; no record is asked for twice. */
static void merge(cnnscore_intervals *self) {
    if (self->n == 0) return;
    qsort(self->items, self->n, sizeof *self->items, by_place);
    size_t last = 0;
    for (size_t i = 1; i < self->n; i++) {
        interval *before = &self->items[last], *next = &self->items[i];
        if (next->contig == before->contig && next->begin <= before->end) {
            if (next->end > before->end) before->end = next->end;
        } else {
            self->items[++last] = *next;
        }
    }
    self->n = last + 1;
}

int cnnscore_intervals_parse(const char *text, bool is_file, bool may_exclude, const char *what,
                             const bcf_hdr_t *header, const cnnscore_contigs *reference,
                             cnnscore_intervals **out, cnnscore_error *err) {
    *out = NULL;
    cnnscore_intervals *self = calloc(1, sizeof *self);
    if (!self) return cnnscore_fail_memory(err);
    self->file = -1;
    self->what = what;
    self->is_file = is_file;
    self->excludes = may_exclude && *text == '^';
    self->text = strdup(text + self->excludes);
    self->contigs = cnnscore_places_new();
    int code = !self->text || !self->contigs ? cnnscore_fail_memory(err)
               : is_file                     ? parse_file(self, err)
                                             : parse_list(self, header, reference, err);
    if (code != CNNSCORE_OK) {
        cnnscore_intervals_free(self);
        return code;
    }
    merge(self);
    *out = self;
    return CNNSCORE_OK;
}

void cnnscore_intervals_free(cnnscore_intervals *self) {
    if (!self) return;
    if (self->file >= 0) close(self->file);
    for (size_t i = 0; i < self->n_names; i++) free(self->names[i]);
    free(self->names);
    cnnscore_places_free(self->contigs);
    free(self->first_line);
    free(self->items);
    free(self->note.s);
    free(self->text);
    free(self);
}

/* ---- contigs that nobody knows ---- */

/* A known contig like `name`, else the first one; NULL where none is known. */
static const char *suggestion(const bcf_hdr_t *header, const char *const *names, int n_names,
                              const cnnscore_contigs *reference, const char *name, bool *alike) {
    int n_header = header ? header->n[BCF_DT_CTG] : 0,
        n_reference = reference ? faidx_nseq(reference->index) : 0;
    const char *first = NULL;
    for (int i = 0; i < n_header + n_names + n_reference; i++) {
        const char *known = i < n_header             ? bcf_hdr_id2name(header, i)
                            : i < n_header + n_names ? names[i - n_header]
                                                     : faidx_iseq(reference->index, i - n_header - n_names);
        if (!known) continue;
        if (is_alike(name, known)) {
            *alike = true;
            return known;
        }
        if (!first) first = known;
    }
    *alike = false;
    return first;
}

static int check_names(cnnscore_intervals *self, const bcf_hdr_t *header, const char *calls,
                       const char *const *names, int n_names, cnnscore_places *indexed,
                       const cnnscore_contigs *reference, cnnscore_error *err) {
    size_t elsewhere = 0;
    for (size_t i = 0; i < self->n_names; i++) {
        const char *name = self->names[i];
        if ((header && bcf_hdr_name2id(header, name) >= 0) || cnnscore_places_find(indexed, name) >= 0)
            continue;
        if (has_contig(NULL, reference, name)) {
            if (elsewhere++ == 0 && ksprintf(&self->note, "%s", name) < 0) return cnnscore_fail_memory(err);
            continue;
        }
        bool alike;
        const char *known = suggestion(header, names, n_names, reference, name, &alike);
        char line[32] = "";
        if (self->is_file) snprintf(line, sizeof line, ": line %lld", (long long)self->first_line[i]);
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "the %s %.200s%s: no contig \"%.100s\" is in %s%s; %s%.100s", self->what,
                             self->text, line, name, calls, reference ? " or the reference" : "",
                             alike ? "did you mean " : "there is, for one, ", known ? known : "none");
    }
    if (elsewhere) {
        if (elsewhere > 1) ksprintf(&self->note, " and %zu more", elsewhere - 1);
        if (ksprintf(&self->note, " of the %s: in the reference, but not in %s: no records from there",
                     self->what, calls) < 0)
            return cnnscore_fail_memory(err);
    }
    return CNNSCORE_OK;
}

int cnnscore_intervals_check(cnnscore_intervals *self, const bcf_hdr_t *header, const char *calls,
                             const char *const *names, int n_names, const cnnscore_contigs *reference,
                             cnnscore_error *err) {
    if ((!header || header->n[BCF_DT_CTG] == 0) && n_names == 0 && !reference) return CNNSCORE_OK;
    cnnscore_places *indexed = cnnscore_places_new();
    int code = indexed ? CNNSCORE_OK : cnnscore_fail_memory(err);
    for (int i = 0; code == CNNSCORE_OK && i < n_names; i++)
        if (cnnscore_places_add(indexed, names[i], i) < 0) code = cnnscore_fail_memory(err);
    if (code == CNNSCORE_OK) code = check_names(self, header, calls, names, n_names, indexed, reference, err);
    cnnscore_places_free(indexed);
    return code;
}

const char *cnnscore_intervals_note(const cnnscore_intervals *self) {
    return self->note.s;
}

const char *cnnscore_intervals_item(const cnnscore_intervals *self, size_t i, int64_t *begin, int64_t *end) {
    if (i >= self->n) return NULL;
    *begin = self->items[i].begin;
    *end = self->items[i].end;
    return self->names[self->items[i].contig];
}

/* ---- for htslib ---- */

/* The contigs of an index by name; NULL: out of memory. */
static cnnscore_places *places_of(const cnnscore_indexed_contigs *contigs, const bcf_hdr_t *header) {
    cnnscore_places *places = cnnscore_places_new();
    for (size_t i = 0; places && i < contigs->n; i++) {
        const cnnscore_indexed_contig *one = &contigs->items[i];
        const char *name = NULL;
        if (contigs->names)
            name = contigs->names + one->name_at;
        else if (header && one->number < header->n[BCF_DT_CTG])
            name = bcf_hdr_id2name(header, one->number);
        if (name && cnnscore_places_add(places, name, (int32_t)i) < 0) {
            cnnscore_places_free(places);
            return NULL;
        }
    }
    return places;
}

const char *cnnscore_intervals_file(cnnscore_intervals *self, const cnnscore_indexed_contigs *indexed,
                                    const bcf_hdr_t *header) {
    kstring_t text = {0};
    if (self->file < 0) self->file = memfd_create("cnnscore-intervals", MFD_CLOEXEC);
    cnnscore_places *places = self->file >= 0 && indexed ? places_of(indexed, header) : NULL;
    if (self->file < 0 || (indexed && !places)) return NULL;
    bool written = true;
    for (size_t i = 0; i < self->n; i++) {
        const char *name = self->names[self->items[i].contig];
        int64_t begin = self->items[i].begin, end = self->items[i].end, at = -1;
        if (places && end == CNNSCORE_CONTIG_END) at = cnnscore_places_find(places, name);
        if (at >= 0 && indexed->items[at].bound > begin) end = indexed->items[at].bound;
        written &= ksprintf(&text, "%s\t%lld\t%lld\n", name, (long long)begin + 1, (long long)end) >= 0;
    }
    for (size_t done = 0; written && done < text.l;) {
        ssize_t part = write(self->file, text.s + done, text.l - done);
        if (part <= 0)
            written = false;
        else
            done += (size_t)part;
    }
    cnnscore_places_free(places);
    free(text.s);
    if (!written) return NULL;
    snprintf(self->file_name, sizeof self->file_name, "%s/proc/self/fd/%d", self->excludes ? "^" : "",
             self->file);
    return self->file_name;
}
