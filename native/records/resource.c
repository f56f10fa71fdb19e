/* resource.c: a VCF or BCF of known variants, walked beside the calls: which of them does it have?
 *
 * "Has" is GATK's rule (FilterVariantTranches): a record that starts at the same position and has one
 * of the ALT alleles, once the shorter REF and its alleles are extended to the longer REF. Nothing is
 * left-aligned or trimmed. Records with another REF are passed over and counted; GATK ends there.
 *
 * The calls are sorted, so the resource is read once, forwards. Contigs may come in another order: an
 * index leads to each; without one the file is read as far as is needed, remembering where contigs
 * begin. Only the records at one position are held. */
#include <errno.h>
#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <htslib/kstring.h>
#include <htslib/tbx.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "calls.h"
#include "grow.h"
#include "index_check.h"
#include "open_fault.h"
#include "shell_word.h"

/* Calls further apart than this are jumped between, where there is an index. */
#define JUMP_BASES 100000

struct cnnscore_resource {
    char *path;
    htsFile *file;
    bcf_hdr_t *header;
    tbx_t *tbx;       /* index of a VCF, */
    hts_idx_t *index; /* or of a BCF, or neither */
    hts_itr_t *iterator;
    kstring_t line;

    const cnnscore_calls *calls; /* whose contig we stand on; */
    uint64_t calls_number;       /* which those are */
    int32_t contig;              /* the calls' number of it */
    int32_t own_contig;          /* and ours */
    bcf1_t *next;                /* the first record behind `site` */
    bool has_next;
    bcf1_t **site; /* [n_site] records at site_pos */
    size_t n_site, site_capacity;
    int64_t site_pos, last_pos;

    int64_t *contig_at; /* without an index: [n_contigs] offset of the first record, -1 = not met */
    size_t n_contigs, contig_capacity;
    int64_t frontier; /* read so far */
    int32_t frontier_contig;
    bool is_read; /* to the end */

    bool ends_at_mismatch;           /* GATK's rule */
    cnnscore_resource_counts counts; /* of REF alleles at positions of the calls; */
    int32_t seen_contig;             /* the last of these positions, */
    int64_t seen_pos;
    unsigned seen;   /* and what was seen at it, ref_verdict */
    kstring_t first; /* mismatch */
};

static const char *contig_text(const cnnscore_resource *resource, int32_t contig) {
    const char *name = contig < 0 ? NULL : bcf_hdr_id2name(resource->header, contig);
    return name ? name : "?";
}

static int unsorted(const cnnscore_resource *resource, cnnscore_error *err) {
    return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                         "%s is not sorted: %s:%lld comes too late; use `bcftools sort`", resource->path,
                         contig_text(resource, resource->next->rid), (long long)resource->next->pos + 1);
}

static int malformed(const cnnscore_resource *resource, cnnscore_error *err) {
    const char *what = "is truncated or malformed: copy or make the file again";
    if (resource->last_pos < 0)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: one of its first records %s", resource->path,
                             what);
    return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: one of the records after %s:%lld %s", resource->path,
                         contig_text(resource, resource->own_contig), (long long)resource->last_pos + 1,
                         what);
}

/* ---- opening ---- */

/* One that is older than the file is not believed: the file is read without an index then. */
static void load_index(cnnscore_resource *resource) {
    const htsFormat *format = hts_get_format(resource->file);
    char *data = cnnscore_data_name(resource->path);
    char *index = cnnscore_index_find(resource->path, CNNSCORE_INDEXED_CALLS);
    bool is_used =
        data && index && format->compression == bgzf && !cnnscore_index_is_old(resource->path, index);
    if (is_used && format->format == vcf)
        resource->tbx = tbx_index_load3(data, index, HTS_IDX_SILENT_FAIL);
    else if (is_used)
        resource->index = bcf_index_load3(data, index, HTS_IDX_SILENT_FAIL);
    free(data);
    free(index);
}

static int open_resource(cnnscore_resource *resource, cnnscore_error *err) {
    const char *path = resource->path;
    bool has_index;
    errno = 0;
    resource->file = cnnscore_open_to_stream(path, &has_index);
    if (!resource->file)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "cannot open the resource %s: %s", path,
                             errno ? strerror(errno) : "not a VCF or BCF file");
    const htsFormat *format = hts_get_format(resource->file);
    if (format->category != variant_data)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "the resource %s is not a VCF or BCF file", path);
    if (!(resource->header = bcf_hdr_read(resource->file)))
        return cnnscore_fault_of_header(path, path, "could not parse header", err);
    if (format->compression == gzip)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "the resource %s is compressed with gzip, not bgzip: `zcat %s | bgzip >NEW.gz`",
                             path, cnnscore_shell_word(path).text);
    if (format->compression == bgzf && hts_check_EOF(resource->file) == 0)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "the resource %s is truncated (it has no BGZF end marker): copy it again", path);
    if (has_index) load_index(resource);
    resource->next = bcf_init();
    return resource->next ? CNNSCORE_OK : cnnscore_fail_memory(err);
}

int cnnscore_resource_open(const char *path, int32_t ends_at_mismatch, cnnscore_resource **out,
                           cnnscore_error *err) {
    *out = NULL;
    cnnscore_resource *resource = calloc(1, sizeof *resource);
    if (!resource) return cnnscore_fail_memory(err);
    resource->contig = resource->own_contig = resource->frontier_contig = resource->seen_contig = -1;
    resource->frontier = -1;
    resource->ends_at_mismatch = ends_at_mismatch;
    resource->path = strdup(path);
    int code = resource->path ? open_resource(resource, err) : cnnscore_fail_memory(err);
    code = cnnscore_fault_of_descriptors(code, err);
    if (code == CNNSCORE_OK)
        *out = resource;
    else
        cnnscore_resource_close(resource);
    return code;
}

void cnnscore_resource_close(cnnscore_resource *resource) {
    if (!resource) return;
    for (size_t i = 0; i < resource->site_capacity; i++) bcf_destroy(resource->site[i]);
    free(resource->site);
    if (resource->next) bcf_destroy(resource->next);
    if (resource->iterator) hts_itr_destroy(resource->iterator);
    if (resource->tbx) tbx_destroy(resource->tbx);
    if (resource->index) hts_idx_destroy(resource->index);
    if (resource->header) bcf_hdr_destroy(resource->header);
    if (resource->file) hts_close(resource->file);
    ks_free(&resource->line);
    ks_free(&resource->first);
    free(resource->contig_at);
    free(resource->path);
    free(resource);
}

int32_t cnnscore_resource_has_contig(cnnscore_resource *resource, const char *name) {
    return bcf_hdr_name2id(resource->header, name) >= 0 ||
           (resource->tbx && tbx_name2id(resource->tbx, name) >= 0);
}

/* ---- walking ---- */

static int64_t offset(const htsFile *file) {
    return file->is_bgzf ? bgzf_tell(file->fp.bgzf) : (int64_t)htell(file->fp.hfile);
}

static int seek(cnnscore_resource *resource, int64_t to, cnnscore_error *err) {
    htsFile *file = resource->file;
    int64_t at = file->is_bgzf ? bgzf_seek(file->fp.bgzf, to, SEEK_SET)
                               : (int64_t)hseek(file->fp.hfile, (off_t)to, SEEK_SET);
    if (at >= 0) return CNNSCORE_OK;
    return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                         "the resource %s has the contigs in another order than the calls and cannot be read "
                         "twice: give it as a file",
                         resource->path);
}

/* Note where contigs begin as the file is read for the first time. */
static int explore(cnnscore_resource *resource, int64_t begin, cnnscore_error *err) {
    if (begin < resource->frontier) return CNNSCORE_OK;
    size_t contig = (size_t)resource->next->rid, known = resource->n_contigs;
    if (contig >= known) {
        if (cnnscore_reserve(&resource->contig_at, &resource->contig_capacity, contig + 1,
                             sizeof *resource->contig_at) < 0)
            return cnnscore_fail_memory(err);
        for (size_t i = known; i <= contig; i++) resource->contig_at[i] = -1;
        resource->n_contigs = contig + 1;
    }
    if (resource->contig_at[contig] < 0)
        resource->contig_at[contig] = begin;
    else if (resource->next->rid != resource->frontier_contig)
        return unsorted(resource, err);
    resource->frontier_contig = resource->next->rid;
    resource->frontier = offset(resource->file);
    return CNNSCORE_OK;
}

/* Read `next`: of the contig alone with an index, else whatever follows. */
static int read_next(cnnscore_resource *resource, cnnscore_error *err) {
    bcf1_t *next = resource->next;
    int got;
    int64_t begin = -1;
    next->max_unpack = BCF_UN_STR; /* alleles are all that is looked at */
    if (resource->tbx) {
        got = tbx_itr_next(resource->file, resource->tbx, resource->iterator, &resource->line);
        if (got >= 0 && vcf_parse(&resource->line, resource->header, next) < 0) got = -2;
    } else if (resource->index)
        got = bcf_itr_next(resource->file, resource->iterator, next);
    else {
        begin = offset(resource->file);
        got = bcf_read(resource->file, resource->header, next);
    }
    resource->has_next = got >= 0;
    if (got < -1 || cnnscore_is_damaged(resource->file) ||
        (got >= 0 && (bcf_unpack(next, BCF_UN_STR) < 0 || next->n_allele < 1)))
        return malformed(resource, err);
    if (got < 0) {
        resource->is_read |= begin >= resource->frontier;
        return CNNSCORE_OK;
    }
    return begin < 0 ? CNNSCORE_OK : explore(resource, begin, err);
}

static int find_by_index(cnnscore_resource *resource, const char *name, int64_t pos, cnnscore_error *err) {
    int id = resource->tbx ? tbx_name2id(resource->tbx, name) : bcf_hdr_name2id(resource->header, name);
    if (resource->iterator) hts_itr_destroy(resource->iterator);
    resource->iterator = NULL;
    if (id < 0) return CNNSCORE_OK;
    resource->iterator = resource->tbx ? tbx_itr_queryi(resource->tbx, id, pos, HTS_POS_MAX)
                                       : bcf_itr_queryi(resource->index, id, pos, HTS_POS_MAX);
    if (!resource->iterator)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "the index of %s does not work: make it anew with `bcftools index -f %s`",
                             resource->path, cnnscore_shell_word(resource->path).text);
    return read_next(resource, err);
}

static int find_by_reading(cnnscore_resource *resource, const char *name, cnnscore_error *err) {
    int id = bcf_hdr_name2id(resource->header, name);
    bool is_met = id >= 0 && (size_t)id < resource->n_contigs && resource->contig_at[id] >= 0;
    if (!is_met && resource->is_read) return CNNSCORE_OK;
    int64_t to = is_met ? resource->contig_at[id] : resource->frontier;
    if (to >= 0 && to != offset(resource->file)) {
        int code = seek(resource, to, err);
        if (code != CNNSCORE_OK) return code;
    }
    for (;;) {
        int code = read_next(resource, err);
        if (code != CNNSCORE_OK || !resource->has_next) return code;
        if (strcmp(contig_text(resource, resource->next->rid), name) == 0) return CNNSCORE_OK;
    }
}

static int64_t contig_length(const bcf_hdr_t *header, int id) {
    const bcf_idinfo_t *info = id < 0 ? NULL : header->id[BCF_DT_CTG][id].val;
    return info ? (int64_t)info->info[0] : 0;
}

/* Stand before the first record that starts at `pos` or behind, on a contig of the calls. */
static int go_to(cnnscore_resource *resource, const cnnscore_calls *calls, int32_t contig, int64_t pos,
                 cnnscore_error *err) {
    const char *name = bcf_hdr_id2name(calls->header, contig);
    int64_t theirs = contig_length(calls->header, contig);
    int64_t ours = contig_length(resource->header, bcf_hdr_name2id(resource->header, name));
    if (theirs > 0 && ours > 0 && theirs != ours)
        return cnnscore_fail(
            err, CNNSCORE_ERR_INPUT,
            "%s is of another build of the genome than %s: contig %s has %lld bases there and "
            "%lld here; take the resource of the calls' build, or lift it over (`gatk "
            "LiftoverVcf`)",
            resource->path, calls->path, name, (long long)ours, (long long)theirs);
    resource->calls = calls;
    resource->calls_number = calls->number;
    resource->contig = contig;
    resource->n_site = 0;
    resource->site_pos = resource->last_pos = -1;
    resource->has_next = false;
    int code = resource->tbx || resource->index ? find_by_index(resource, name, pos, err)
                                                : find_by_reading(resource, name, err);
    resource->own_contig = resource->has_next ? resource->next->rid : -1;
    return code;
}

static int take_next(cnnscore_resource *resource, cnnscore_error *err) {
    size_t wanted = resource->n_site + 1, had = resource->site_capacity;
    if (wanted > had) {
        bcf1_t **grown = realloc(resource->site, wanted * sizeof *grown);
        if (!grown) return cnnscore_fail_memory(err);
        resource->site = grown;
        resource->site[had] = bcf_init();
        if (!resource->site[had]) return cnnscore_fail_memory(err);
        resource->site_capacity = wanted;
    }
    bcf1_t *taken = resource->next;
    resource->next = resource->site[resource->n_site];
    resource->site[resource->n_site++] = taken;
    return CNNSCORE_OK;
}

/* Hold the records at `pos`. */
static int advance(cnnscore_resource *resource, const cnnscore_calls *calls, int32_t contig, int64_t pos,
                   cnnscore_error *err) {
    bool is_indexed = resource->tbx || resource->index;
    bool elsewhere =
        resource->calls_number != calls->number || resource->contig != contig || pos < resource->site_pos;
    bool far = !elsewhere && is_indexed && resource->has_next && pos - resource->next->pos > JUMP_BASES;
    int code = elsewhere || far ? go_to(resource, calls, contig, pos, err) : CNNSCORE_OK;
    if (code != CNNSCORE_OK || pos == resource->site_pos) return code;
    resource->n_site = 0;
    resource->site_pos = pos;
    while (code == CNNSCORE_OK && resource->has_next && resource->next->rid == resource->own_contig &&
           resource->next->pos <= pos) {
        if (resource->next->pos < resource->last_pos) return unsorted(resource, err);
        resource->last_pos = resource->next->pos;
        if (resource->next->pos == pos) code = take_next(resource, err);
        if (code == CNNSCORE_OK) code = read_next(resource, err);
    }
    return code;
}

/* ---- comparing ---- */

/* htsjdk's idea of a symbolic allele: <...>, breakends. */
static bool is_symbolic(const char *allele, size_t length) {
    return length > 1 && (allele[0] == '<' || allele[length - 1] == '>' || allele[0] == '.' ||
                          allele[length - 1] == '.' || strpbrk(allele, "[]"));
}

static bool is_extendable(const char *allele) {
    return !is_symbolic(allele, strlen(allele)) && strcmp(allele, "*") != 0;
}

/* whole == part + extra, bases in any case */
static bool is_sum(const char *whole, const char *part, const char *extra) {
    size_t length = strlen(part);
    return strlen(whole) == length + strlen(extra) && strncasecmp(whole, part, length) == 0 &&
           strcasecmp(whole + length, extra) == 0;
}

static bool same_allele(const char *a, const char *b) {
    return is_symbolic(a, strlen(a)) ? strcmp(a, b) == 0 : strcasecmp(a, b) == 0;
}

static bool is_acgt(char base) {
    return base && strchr("ACGTacgt", base);
}

/* Two REF alleles at one position: they are the same bases as far as both reach; where one has N or another
 * code of several bases nobody can tell; else they contradict each other. */
typedef enum { AGREE = 1, UNKNOWN = 2, CONTRADICT = 4 } ref_verdict;

static ref_verdict compare_ref(const char *a, const char *b) {
    ref_verdict verdict = AGREE;
    for (; *a && *b; a++, b++) {
        if (strncasecmp(a, b, 1) == 0) continue;
        if (is_acgt(*a) && is_acgt(*b)) return CONTRADICT;
        verdict = UNKNOWN;
    }
    return verdict;
}

/* Whether `known` has the ALT allele, REF alleles being the same as far as both reach. */
static bool has_allele(const bcf1_t *known, const char *ref, const char *alt) {
    size_t length = strlen(ref), known_length = strlen(known->d.allele[0]);
    for (int a = 1; a < known->n_allele; a++) {
        const char *other = known->d.allele[a];
        if (length == known_length ? same_allele(alt, other)
                                   : strcmp(alt, "*") == 0 && strcmp(other, "*") == 0)
            return true;
        if (length > known_length && is_extendable(other) && is_sum(alt, other, ref + known_length))
            return true;
        if (length < known_length && is_extendable(alt) && is_sum(other, alt, known->d.allele[0] + length))
            return true;
    }
    return false;
}

static bool contradicts(unsigned seen) {
    return (seen & CONTRADICT) && !(seen & AGREE);
}

/* Count the position of a call; an agreement at it makes up for a contradiction, in whichever order. */
static void count_ref(cnnscore_resource *resource, const bcf1_t *record, ref_verdict verdict) {
    if (resource->seen_contig != record->rid || resource->seen_pos != record->pos) resource->seen = 0;
    resource->seen_contig = record->rid;
    resource->seen_pos = record->pos;
    unsigned before = resource->seen, now = before | verdict;
    resource->seen = now;
    resource->counts.shared += before == 0;
    resource->counts.mismatching += (now & ~(unsigned)AGREE) && !(before & ~(unsigned)AGREE);
    resource->counts.contradicting += contradicts(now) - contradicts(before);
}

/* A record whose REF is not the call's: passed over, or GATK's end. */
static int mismatch(cnnscore_resource *resource, const bcf1_t *record, const bcf1_t *other,
                    cnnscore_error *err) {
    const char *ref = record->d.allele[0], *other_ref = other->d.allele[0];
    const char *contig = bcf_hdr_id2name(resource->calls->header, record->rid);
    long long pos = (long long)record->pos + 1;
    if (!resource->ends_at_mismatch)
        return resource->first.l || ksprintf(&resource->first, "%s:%lld, %.20s there and %.20s in the calls",
                                             contig, pos, other_ref, ref) >= 0
                   ? CNNSCORE_OK
                   : cnnscore_fail_memory(err);
    return cnnscore_fail(
        err, CNNSCORE_ERR_INPUT,
        "at %s:%lld REF is %.20s in %s and %.20s in %s, where GATK ends: take that record out, "
        "or leave out `ref_mismatch=gatk`",
        contig, pos, ref, resource->calls->path, other_ref, resource->path);
}

static int match_record(cnnscore_resource *resource, const bcf1_t *record, uint8_t *known,
                        cnnscore_error *err) {
    const char *ref = record->d.allele[0];
    for (size_t s = 0; s < resource->n_site; s++) {
        const bcf1_t *other = resource->site[s];
        ref_verdict verdict = compare_ref(ref, other->d.allele[0]);
        /* GATK looks no closer at REF alleles of two lengths. */
        if (resource->ends_at_mismatch && strlen(ref) != strlen(other->d.allele[0])) verdict = AGREE;
        count_ref(resource, record, verdict);
        int code = verdict == AGREE ? CNNSCORE_OK : mismatch(resource, record, other, err);
        if (code != CNNSCORE_OK) return code;
        for (int a = 1; verdict == AGREE && a < record->n_allele; a++)
            if (has_allele(other, ref, record->d.allele[a])) *known = 1;
    }
    return CNNSCORE_OK;
}

int cnnscore_resource_match(cnnscore_resource *resource, const cnnscore_records *records,
                            const uint8_t *wanted, uint8_t *known, cnnscore_error *err) {
    for (int32_t i = 0; i < records->n; i++) {
        if (!wanted[i]) continue; /* what another resource has is compared too: the counts are this file's */
        const bcf1_t *record = records->record[i];
        int code = advance(resource, records->calls, record->rid, record->pos, err);
        if (code == CNNSCORE_OK) code = match_record(resource, record, &known[i], err);
        if (code != CNNSCORE_OK) return code;
    }
    return CNNSCORE_OK;
}

const char *cnnscore_resource_count(const cnnscore_resource *resource, cnnscore_resource_counts *counts) {
    *counts = resource->counts;
    return resource->first.s ? resource->first.s : "";
}
