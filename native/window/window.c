/* window.c: for each site the reference around it and the reads over it. */
#include "window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "allele.h"
#include "buffers.h"
#include "grow.h"
#include "reads.h"
#include "reference.h"
#include "sample_depth.h"
#include "sampling.h"

/* A site closer than this to those before it goes on with their region query. A fresh query starts
 * reading at the index's linear bin, on average half of 16 kb before the locus: reading on is no
 * dearer than that. */
#define SHARED_QUERY_GAP 8192
/* A query reaches this far past its first site, for those that may follow: 16 of the index's bins. */
#define QUERY_REACH ((int64_t)1 << 18)
/* A site that spans more than this is read alone, its reads sampled as they stream by. */
#define LONG_SITE 20000

/* READS_PRIMARY: soft clips count as part of a read, up to this many bases each side. */
#define CLIP_REACH 128

/* `begin` and `end` say what the read overlaps, by the rule; `pos` is where the file has it. */
typedef struct {
    bam1_t *read;
    int64_t pos, begin, end;
} pooled_read;

typedef struct {
    uint64_t hash;
    bam1_t *read;
} hashed_read;

struct cnnscore_reader {
    cnnscore_reference reference;
    cnnscore_reads reads;
    int32_t read_limit, read_rule, downsampling, reference_left, reference_width;
    cnnscore_random gatk_random;
    float sample_depth; /* NaN: not known */
    /* the contig of the last site, checked against reference and reads */
    char *contig;
    int64_t contig_length;
    /* The running query, which goes on from batch to batch. Sites at or past `query_pos` that end by
     * `query_end` can go on with it (query_end 0: there is none); `query_seen` is the furthest end of
     * a site so far. The pool holds its reads that later sites may need, in coordinate order. */
    int64_t query_pos, query_seen, query_end;
    pooled_read *pool;
    size_t n_pool, pool_capacity;
    bam1_t **chosen; /* the reservoir, read_limit wide */
    hashed_read *hashed;
    size_t hashed_capacity;
};

int cnnscore_reader_open(const cnnscore_reader_options *o, cnnscore_reader **out, cnnscore_error *err) {
    *out = NULL;
    if (o->struct_size != sizeof *o)
        return cnnscore_fail(err, CNNSCORE_ERR_INTERNAL, "cnnscore_reader_options of another version");
    if (o->reference_left < 0 || o->reference_width <= o->reference_left || o->read_limit < 0 ||
        (o->read_rule != CNNSCORE_READS_NONE && (o->read_limit < 1 || o->n_reads < 1)))
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "a reader needs a window, and for reads a limit and files");
    cnnscore_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return cnnscore_fail_memory(err);
    reader->read_limit = o->read_limit;
    reader->read_rule = o->read_rule;
    reader->downsampling = o->downsampling;
    reader->reference_left = o->reference_left;
    reader->reference_width = o->reference_width;
    reader->gatk_random = cnnscore_random_seeded(CNNSCORE_GATK_SEED);
    reader->sample_depth = NAN;
    reader->chosen = calloc((size_t)o->read_limit + 1, sizeof *reader->chosen);
    int code = reader->chosen ? CNNSCORE_OK : cnnscore_fail_memory(err);
    if (code == CNNSCORE_OK) code = cnnscore_reference_open(&reader->reference, o->reference, err);
    if (code == CNNSCORE_OK) code = cnnscore_reads_open(&reader->reads, o, err);
    if (code != CNNSCORE_OK) {
        cnnscore_reader_close(reader);
        return code;
    }
    *out = reader;
    return CNNSCORE_OK;
}

void cnnscore_reader_close(cnnscore_reader *reader) {
    if (!reader) return;
    for (size_t i = 0; i < reader->n_pool; i++) bam_destroy1(reader->pool[i].read);
    cnnscore_reads_close(&reader->reads);
    cnnscore_reference_close(&reader->reference);
    free(reader->pool);
    free(reader->chosen);
    free(reader->hashed);
    free(reader->contig);
    free(reader);
}

void cnnscore_reader_count(const cnnscore_reader *reader, cnnscore_reader_counts *counts) {
    *counts = reader->reads.counts;
}

void cnnscore_reader_set_depth(cnnscore_reader *reader, float depth) {
    reader->sample_depth = depth;
}

/* Forget pooled reads that end at or before `pos`. */
static void pool_trim(cnnscore_reader *reader, int64_t pos) {
    size_t kept = 0;
    for (size_t i = 0; i < reader->n_pool; i++) {
        if (reader->pool[i].end > pos)
            reader->pool[kept++] = reader->pool[i];
        else
            cnnscore_reads_give_back(&reader->reads, reader->pool[i].read);
    }
    reader->n_pool = kept;
}

static void end_query(cnnscore_reader *reader) {
    pool_trim(reader, INT64_MAX);
    reader->query_end = 0;
}

int cnnscore_reader_measure_depth(cnnscore_reader *reader, float *depth, cnnscore_error *err) {
    *depth = NAN;
    if (reader->read_rule != CNNSCORE_READS_PRIMARY) return CNNSCORE_OK;
    end_query(reader);
    cnnscore_reader_counts counts = reader->reads.counts; /* are those of sites */
    int code = cnnscore_sample_depth(&reader->reads, depth, err);
    reader->reads.counts = counts;
    return code;
}

/* ---- reference ---- */

static int enter_contig(cnnscore_reader *reader, const cnnscore_window_batch *sites, int32_t site,
                        cnnscore_error *err) {
    int32_t contig = sites->contig[site];
    const char *name = sites->contig_names + sites->contig_offset[contig];
    size_t length = (size_t)(sites->contig_offset[contig + 1] - sites->contig_offset[contig]);
    if (reader->contig && strlen(reader->contig) == length && memcmp(reader->contig, name, length) == 0)
        return CNNSCORE_OK;
    end_query(reader);
    free(reader->contig);
    reader->contig = strndup(name, length);
    if (!reader->contig) return cnnscore_fail_memory(err);
    long long pos = (long long)sites->pos[site] + 1;
    int64_t declared = sites->contig_length ? sites->contig_length[contig] : 0;
    reader->contig_length = cnnscore_reference_length(&reader->reference, reader->contig);
    int code = CNNSCORE_OK;
    if (reader->contig_length < 0)
        code = cnnscore_fail(
            err, CNNSCORE_ERR_INPUT,
            "the reference %s has no contig %s, which the record %s:%lld is on: give the reference that "
            "the variants were called against, or restrict the run with --targets",
            reader->reference.path, reader->contig, reader->contig, pos);
    else if (declared && declared != reader->contig_length)
        code = cnnscore_fail(
            err, CNNSCORE_ERR_INPUT,
            "contig %s has %lld bases in the reference %s but %lld in the header of the calls (record "
            "%s:%lld): give the reference that the variants were called against",
            reader->contig, (long long)reader->contig_length, reader->reference.path, (long long)declared,
            reader->contig, pos);
    else
        code = cnnscore_reads_check_contig(&reader->reads, reader->contig, reader->contig_length,
                                           sites->pos[site], err);
    if (code != CNNSCORE_OK) { /* the next site must not take this contig as checked */
        free(reader->contig);
        reader->contig = NULL;
    }
    return code;
}

/* ---- sampling ---- */

/* By hash; records of one name by what they hold, so that the order of files never matters. */
static int compare_hashed(const void *left, const void *right) {
    const hashed_read *a = left, *b = right;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    return cnnscore_reads_compare(a->read, b->read);
}

static void reservoir_start(cnnscore_reservoir *r, cnnscore_reader *reader, int64_t pos) {
    bool runs_on = reader->downsampling == CNNSCORE_DOWNSAMPLE_GATK;
    cnnscore_reservoir_start(r, reader->contig, pos, runs_on ? &reader->gatk_random : NULL);
}

static int keep_chosen(cnnscore_reader *reader, cnnscore_windows *windows, int32_t site, int64_t seen,
                       int32_t contig, cnnscore_error *err) {
    int64_t n = seen < reader->read_limit ? seen : reader->read_limit, first = windows->site_read[site];
    if (seen > reader->read_limit) reader->reads.counts.sites_sampled++;
    if (n == 0) reader->reads.counts.sites_empty++;
    if (cnnscore_reserve(&windows->read_offset, &windows->read_capacity, (size_t)(first + n + 1),
                         sizeof(int64_t)) < 0)
        return cnnscore_fail_memory(err);
    for (int64_t i = 0; i < n; i++)
        if (cnnscore_windows_append(windows, first + i, reader->chosen[i], contig) < 0)
            return cnnscore_fail_memory(err);
    windows->site_read[site + 1] = first + n;
    windows->site_depth[site] = seen < INT32_MAX ? (int32_t)seen : INT32_MAX;
    return CNNSCORE_OK;
}

/* ---- reads of a site ---- */

/* READS_PRIMARY: the end of REF and of the repeats of all indels, but no further than SPAN_MAX. */
static int64_t span_end(const cnnscore_reader *reader, const cnnscore_window_batch *sites, int32_t site,
                        const uint8_t *reference) {
    int64_t pos = sites->pos[site], ref = sites->site_allele[site];
    const int64_t *offset = sites->allele_offset + ref;
    cnnscore_reference_row row = {reference, pos - reader->reference_left,
                                  pos - reader->reference_left + reader->reference_width};
    int64_t end = pos + offset[1] - offset[0];
    for (int64_t a = 1; a < sites->site_allele[site + 1] - ref; a++) {
        cnnscore_allele allele;
        if (!cnnscore_allele_trim(&allele, pos, sites->alleles + offset[0], offset[1] - offset[0],
                                  sites->alleles + offset[a], offset[a + 1] - offset[a]))
            continue;
        cnnscore_allele_find_repeat(&allele, &row);
        if (allele.repeat_end > end) end = allele.repeat_end;
    }
    return end < pos + CNNSCORE_SPAN_MAX ? end : pos + CNNSCORE_SPAN_MAX;
}

static int64_t site_end(const cnnscore_reader *reader, const cnnscore_window_batch *sites, int32_t site,
                        const uint8_t *reference) {
    int64_t end = reader->read_rule == CNNSCORE_READS_PRIMARY ? span_end(reader, sites, site, reference)
                                                              : sites->end[site];
    if (end > reader->contig_length) end = reader->contig_length;
    return end > sites->pos[site] ? end : sites->pos[site] + 1;
}

/* How far from a site its reads may be aligned. */
static int64_t reach(const cnnscore_reader *reader) {
    return reader->read_rule == CNNSCORE_READS_PRIMARY ? CLIP_REACH : 0;
}

/* Of READS_GATK: no other rule has sites that long. */
static int read_long_site(cnnscore_reader *reader, const cnnscore_window_batch *sites, int32_t site,
                          cnnscore_windows *windows, cnnscore_error *err) {
    int64_t pos = sites->pos[site], end = site_end(reader, sites, site, NULL);
    cnnscore_reservoir sample;
    reservoir_start(&sample, reader, pos);
    end_query(reader);
    int code = cnnscore_reads_query(&reader->reads, reader->contig, pos, end, err);
    while (code == CNNSCORE_OK && cnnscore_reads_next_pos(&reader->reads) < end) {
        bam1_t *read, *unwanted;
        int64_t read_end;
        code = cnnscore_reads_take(&reader->reads, pos, &read, &read_end, err);
        if (!read) continue;
        unwanted = read;
        int64_t slot = cnnscore_reservoir_slot(&sample, reader->read_limit);
        if (slot >= 0) {
            unwanted = sample.seen > reader->read_limit ? reader->chosen[slot] : NULL;
            reader->chosen[slot] = read;
        }
        cnnscore_reads_give_back(&reader->reads, unwanted);
    }
    if (code == CNNSCORE_OK) code = keep_chosen(reader, windows, site, sample.seen, sites->contig[site], err);
    int64_t held = sample.seen < reader->read_limit ? sample.seen : reader->read_limit;
    for (int64_t i = 0; i < held; i++) cnnscore_reads_give_back(&reader->reads, reader->chosen[i]);
    return code;
}

static int64_t clip_length(const bam1_t *read, bool last) {
    const uint32_t *cigar = bam_get_cigar(read);
    int64_t n = read->core.n_cigar, length = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t op = cigar[last ? n - 1 - i : i];
        if (bam_cigar_op(op) == BAM_CSOFT_CLIP)
            length += bam_cigar_oplen(op);
        else if (bam_cigar_op(op) != BAM_CHARD_CLIP)
            break;
    }
    return length < CLIP_REACH ? length : CLIP_REACH;
}

static pooled_read pooled(const cnnscore_reader *reader, bam1_t *read, int64_t end) {
    int64_t pos = read->core.pos;
    if (reader->read_rule != CNNSCORE_READS_PRIMARY) return (pooled_read){read, pos, pos, end};
    return (pooled_read){read, pos, pos - clip_length(read, false), end + clip_length(read, true)};
}

/* Pool the reads that may overlap [pos, end), and those between. */
static int pool_fill(cnnscore_reader *reader, int64_t pos, int64_t end, cnnscore_error *err) {
    while (cnnscore_reads_next_pos(&reader->reads) < end + reach(reader)) {
        bam1_t *read;
        int64_t read_end;
        if (cnnscore_reserve(&reader->pool, &reader->pool_capacity, reader->n_pool + 1,
                             sizeof *reader->pool) < 0)
            return cnnscore_fail_memory(err);
        int code = cnnscore_reads_take(&reader->reads, pos - reach(reader), &read, &read_end, err);
        if (read) reader->pool[reader->n_pool++] = pooled(reader, read, read_end);
        if (code != CNNSCORE_OK) return code;
    }
    return CNNSCORE_OK;
}

/* Make the running query one that the site can go on with. */
static int enter_query(cnnscore_reader *reader, int64_t pos, int64_t end, cnnscore_error *err) {
    int64_t last = end + reach(reader) < reader->contig_length ? end + reach(reader) : reader->contig_length;
    bool goes_on =
        pos >= reader->query_pos && pos < reader->query_seen + SHARED_QUERY_GAP && last <= reader->query_end;
    if (!goes_on) {
        int64_t begin = pos > reach(reader) ? pos - reach(reader) : 0, stop = end + QUERY_REACH;
        if (stop > reader->contig_length) stop = reader->contig_length;
        end_query(reader);
        int code = cnnscore_reads_query(&reader->reads, reader->contig, begin, stop, err);
        if (code != CNNSCORE_OK) return code;
        reader->query_seen = end;
        reader->query_end = stop;
    }
    reader->query_pos = pos;
    if (end > reader->query_seen) reader->query_seen = end;
    return CNNSCORE_OK;
}

/* Up to read_limit of the pooled reads over [pos, end), in file order, by a reservoir. */
static int64_t choose_by_reservoir(cnnscore_reader *reader, int64_t pos, int64_t end) {
    cnnscore_reservoir sample;
    reservoir_start(&sample, reader, pos);
    for (size_t i = 0; i < reader->n_pool && reader->pool[i].pos < end; i++) {
        int64_t slot = cnnscore_reservoir_slot(&sample, reader->read_limit);
        if (slot >= 0) reader->chosen[slot] = reader->pool[i].read;
    }
    return sample.seen;
}

/* Those of the least hashes: the same reads whatever file and locus they come from. Returns how many
 * there are to choose from, -1 when memory is short. */
static int64_t choose_by_hash(cnnscore_reader *reader, int64_t pos, int64_t end) {
    size_t n = 0;
    if (cnnscore_reserve(&reader->hashed, &reader->hashed_capacity, reader->n_pool + 1,
                         sizeof *reader->hashed) < 0)
        return -1;
    for (size_t i = 0; i < reader->n_pool && reader->pool[i].pos < end + CLIP_REACH; i++)
        if (reader->pool[i].begin < end && reader->pool[i].end > pos)
            reader->hashed[n++].read = reader->pool[i].read;
    if (n > (size_t)reader->read_limit) {
        for (size_t i = 0; i < n; i++) {
            const bam1_t *read = reader->hashed[i].read;
            reader->hashed[i].hash = cnnscore_read_hash(bam_get_qname(read), read->core.flag);
        }
        qsort(reader->hashed, n, sizeof *reader->hashed, compare_hashed);
    }
    for (size_t i = 0; i < n && i < (size_t)reader->read_limit; i++)
        reader->chosen[i] = reader->hashed[i].read;
    return (int64_t)n;
}

static int read_site(cnnscore_reader *reader, const cnnscore_window_batch *sites, int32_t site,
                     cnnscore_windows *windows, cnnscore_error *err) {
    const uint8_t *reference = windows->reference + (size_t)site * (size_t)reader->reference_width;
    int64_t pos = sites->pos[site], end = site_end(reader, sites, site, reference);
    if (end - pos > LONG_SITE) return read_long_site(reader, sites, site, windows, err);
    int code = enter_query(reader, pos, end, err);
    if (code != CNNSCORE_OK) return code;
    pool_trim(reader, pos);
    code = pool_fill(reader, pos, end, err);
    if (code != CNNSCORE_OK) return code;
    int64_t seen = reader->read_rule == CNNSCORE_READS_PRIMARY ? choose_by_hash(reader, pos, end)
                                                               : choose_by_reservoir(reader, pos, end);
    if (seen < 0) return cnnscore_fail_memory(err);
    return keep_chosen(reader, windows, site, seen, sites->contig[site], err);
}

int cnnscore_reader_read(cnnscore_reader *reader, const cnnscore_window_batch *sites,
                         cnnscore_windows *windows, cnnscore_error *err) {
    size_t n = (size_t)sites->n_sites, width = (size_t)reader->reference_width;
    if (cnnscore_reserve(&windows->reference, &windows->reference_capacity, n * width + 1, 1) < 0 ||
        cnnscore_reserve(&windows->site_read, &windows->site_capacity, n + 1, sizeof(int64_t)) < 0 ||
        cnnscore_reserve(&windows->read_offset, &windows->read_capacity, 1, sizeof(int64_t)) < 0 ||
        cnnscore_reserve(&windows->site_depth, &windows->depth_capacity, n + 1, sizeof(int32_t)) < 0 ||
        cnnscore_reserve(&windows->sample_depth, &windows->sample_depth_capacity, n + 1, sizeof(float)) < 0 ||
        cnnscore_reserve(&windows->reads, &windows->reads_capacity, 1, 1) < 0)
        return cnnscore_fail_memory(err);
    memset(windows->site_read, 0, (n + 1) * sizeof(int64_t));
    memset(windows->site_depth, 0, n * sizeof(int32_t));
    for (size_t i = 0; i < n; i++) windows->sample_depth[i] = reader->sample_depth;
    windows->read_offset[0] = 0;

    int code = CNNSCORE_OK;
    for (int32_t site = 0; site < sites->n_sites; site++) {
        int64_t begin = sites->pos[site] - reader->reference_left;
        code = enter_contig(reader, sites, site, err);
        if (code == CNNSCORE_OK)
            code = cnnscore_reference_check(&reader->reference, reader->contig, reader->contig_length, sites,
                                            site, err);
        if (code == CNNSCORE_OK)
            code = cnnscore_reference_copy(&reader->reference, reader->contig, reader->contig_length, begin,
                                           begin + reader->reference_width,
                                           windows->reference + (size_t)site * width, err);
        if (code != CNNSCORE_OK) return code;
    }
    for (int32_t site = 0; site < sites->n_sites && reader->reads.n_files; site++) {
        code = enter_contig(reader, sites, site, err);
        if (code == CNNSCORE_OK) code = read_site(reader, sites, site, windows, err);
        if (code != CNNSCORE_OK) {
            end_query(reader); /* it stopped halfway */
            return code;
        }
    }
    windows->batch = *sites;
    windows->batch.reference_left = reader->reference_left;
    windows->batch.reference_width = reader->reference_width;
    windows->batch.reference = windows->reference;
    windows->batch.site_read = windows->site_read;
    windows->batch.read_offset = windows->read_offset;
    windows->batch.reads = windows->reads;
    windows->batch.site_depth = windows->site_depth;
    windows->batch.sample_depth = isnan(reader->sample_depth) ? NULL : windows->sample_depth;
    return CNNSCORE_OK;
}
