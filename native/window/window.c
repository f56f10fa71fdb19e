/* window.c: for each site the reference around it and the reads over it. */
#include "window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "allele.h"
#include "buffers.h"
#include "grow.h"
#include "open_fault.h"
#include "reference.h"
#include "sample_depth.h"
#include "site_reads.h"

#define JOB_DEPTH 64.0f /* up to it a job may have all the sites that a network takes */
#define JOB_LEAST 16    /* sites: fewer do not fill a network call */

struct cnnscore_reader {
    cnnscore_reference reference;
    cnnscore_site_reads reads;
    int32_t read_rule, reference_left, reference_width;
    float sample_depth;     /* NaN: not known */
    int32_t parts, covered; /* of the contigs, when the depth was measured */
    /* the contig of the last site, checked against reference and reads */
    char *contig;
    int64_t contig_length;
    int64_t declared; /* its length in the header of the calls; other calls may say otherwise */
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
    reader->read_rule = o->read_rule;
    reader->reference_left = o->reference_left;
    reader->reference_width = o->reference_width;
    reader->sample_depth = NAN;
    int code = o->reference ? cnnscore_reference_open(&reader->reference, o->reference, o->is_another, err)
                            : CNNSCORE_OK;
    if (code == CNNSCORE_OK) code = cnnscore_site_reads_open(&reader->reads, o, err);
    if (code != CNNSCORE_OK) {
        code = cnnscore_fault_of_descriptors(code, err);
        cnnscore_reader_close(reader);
        return code;
    }
    *out = reader;
    return CNNSCORE_OK;
}

void cnnscore_reader_close(cnnscore_reader *reader) {
    if (!reader) return;
    cnnscore_site_reads_close(&reader->reads);
    cnnscore_reference_close(&reader->reference);
    free(reader->contig);
    free(reader);
}

const char *cnnscore_reader_note(const cnnscore_reader *reader, int32_t i) {
    return cnnscore_reads_note(&reader->reads.reads, i);
}

const char *cnnscore_reader_contig(const cnnscore_reader *reader, int32_t i) {
    if (!reader->reference.index) return NULL;
    return i < faidx_nseq(reader->reference.index) ? faidx_iseq(reader->reference.index, i) : NULL;
}

void cnnscore_reader_count(const cnnscore_reader *reader, cnnscore_reader_counts *counts) {
    *counts = reader->reads.reads.counts;
}

void cnnscore_reader_counts_add(cnnscore_reader_counts *sum, const cnnscore_reader_counts *part) {
    sum->reads += part->reads;
    sum->unmapped += part->unmapped;
    sum->secondary += part->secondary;
    sum->duplicate += part->duplicate;
    sum->qc_fail += part->qc_fail;
    sum->no_read_group += part->no_read_group;
    sum->artificial += part->artificial;
    sum->other_sample += part->other_sample;
    sum->no_qualities += part->no_qualities;
    sum->too_short += part->too_short;
    sum->sites += part->sites;
    sum->sites_sampled += part->sites_sampled;
    sum->sites_empty += part->sites_empty;
    sum->records += part->records;
    sum->with_allele += part->with_allele;
}

int64_t cnnscore_reads_that_count(const cnnscore_reader_counts *c) {
    return c->reads - c->unmapped - c->secondary - c->duplicate - c->qc_fail - c->no_read_group -
           c->artificial - c->other_sample - c->no_qualities;
}

const char *cnnscore_reader_files(const cnnscore_reader *reader) {
    return reader->reads.reads.named;
}

const char *cnnscore_reader_samples(const cnnscore_reader *reader) {
    return reader->reads.reads.samples_named;
}

int32_t cnnscore_reader_n_samples(const cnnscore_reader *reader) {
    return (int32_t)reader->reads.reads.samples.n;
}

int32_t cnnscore_reader_has_sample(const cnnscore_reader *reader, const char *sample) {
    return cnnscore_names_have(&reader->reads.reads.samples, sample);
}

void cnnscore_reader_set_depth(cnnscore_reader *reader, float depth) {
    reader->sample_depth = depth;
}

int32_t cnnscore_reader_job_sites(const cnnscore_reader *reader, int32_t most) {
    if (!(reader->sample_depth > JOB_DEPTH)) return most; /* or it is not known */
    int32_t sites = (int32_t)(JOB_DEPTH / reader->sample_depth * (float)most);
    int32_t least = most < JOB_LEAST ? most : JOB_LEAST;
    return sites > least ? sites : least;
}

int cnnscore_reader_measure_depth(cnnscore_reader *reader, float *depth, cnnscore_error *err) {
    *depth = NAN;
    if (reader->read_rule != CNNSCORE_READS_PRIMARY) return CNNSCORE_OK;
    cnnscore_reads *reads = &reader->reads.reads;
    cnnscore_site_reads_end_query(&reader->reads);
    cnnscore_reader_counts counts = reads->counts; /* are those of sites */
    int code = cnnscore_sample_depth(reads, depth, &reader->parts, &reader->covered, err);
    reads->counts = counts;
    return code;
}

void cnnscore_reader_coverage(const cnnscore_reader *reader, int32_t *parts, int32_t *covered) {
    *parts = reader->parts;
    *covered = reader->covered;
}

int cnnscore_reader_look(cnnscore_reader *reader, cnnscore_reader_counts *looked, cnnscore_error *err) {
    cnnscore_reads *reads = &reader->reads.reads;
    bool any = false;
    cnnscore_site_reads_end_query(&reader->reads);
    cnnscore_reader_counts counts = reads->counts; /* are those of sites */
    reads->counts = (cnnscore_reader_counts){0};
    int code = cnnscore_any_read_counts(reads, &any, err);
    *looked = reads->counts;
    looked->sites = 1;
    looked->sites_empty = !any;
    reads->counts = counts;
    return code;
}

int cnnscore_reader_check_contigs(const cnnscore_reader *reader, cnnscore_error *err) {
    return cnnscore_reads_check_contigs(&reader->reads.reads, &reader->reference, err);
}

/* ---- reference ---- */

static int enter_contig(cnnscore_reader *reader, const cnnscore_window_batch *sites, int32_t site,
                        cnnscore_error *err) {
    int32_t contig = sites->contig[site];
    const char *name = sites->contig_names + sites->contig_offset[contig];
    size_t length = (size_t)(sites->contig_offset[contig + 1] - sites->contig_offset[contig]);
    int64_t declared = sites->contig_length ? sites->contig_length[contig] : 0;
    if (reader->contig && reader->declared == declared && strlen(reader->contig) == length &&
        memcmp(reader->contig, name, length) == 0)
        return CNNSCORE_OK;
    free(reader->contig);
    reader->contig = strndup(name, length);
    if (!reader->contig) return cnnscore_fail_memory(err);
    long long pos = (long long)sites->pos[site] + 1;
    reader->declared = declared;
    reader->contig_length = cnnscore_reference_length(&reader->reference, reader->contig);
    int code = CNNSCORE_OK;
    if (reader->contig_length < 0)
        code = cnnscore_fail(
            err, CNNSCORE_ERR_INPUT,
            "the reference %s has no contig %s, which the record %s:%lld is on: give the reference that "
            "the variants were called against, or restrict the run with `targets=`",
            reader->reference.path, reader->contig, reader->contig, pos);
    else if (declared && declared != reader->contig_length)
        code = cnnscore_fail(
            err, CNNSCORE_ERR_INPUT,
            "contig %s has %lld bases in the reference %s but %lld in the header of the calls (record "
            "%s:%lld): give the reference that the variants were called against",
            reader->contig, (long long)reader->contig_length, reader->reference.path, (long long)declared,
            reader->contig, pos);
    else
        code = cnnscore_reads_check_contig(&reader->reads.reads, reader->contig, reader->contig_length,
                                           sites->pos[site], err);
    if (code != CNNSCORE_OK) { /* the next site must not take this contig as checked */
        free(reader->contig);
        reader->contig = NULL;
    }
    cnnscore_site_reads_enter(&reader->reads, reader->contig, reader->contig_length);
    return code;
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

static int read_site(cnnscore_reader *reader, const cnnscore_window_batch *sites, int32_t site,
                     cnnscore_windows *windows, cnnscore_error *err) {
    const uint8_t *reference = windows->reference + (size_t)site * (size_t)reader->reference_width;
    const int64_t *ref = sites->allele_offset + sites->site_allele[site];
    cnnscore_wanted_site wanted = {
        .pos = sites->pos[site],
        .end = site_end(reader, sites, site, reference),
        .ref_length = ref[1] - ref[0],
        .index = site,
        .contig = sites->contig[site],
    };
    if (wanted.pos < 0 || wanted.pos >= reader->contig_length) { /* a telomere */
        windows->site_read[site + 1] = windows->site_read[site];
        return CNNSCORE_OK;
    }
    return cnnscore_site_reads_append(&reader->reads, &wanted, windows, err);
}

/* Whether a network must have an answer for the site, and whether it has an allele to look at. */
static void count_site(cnnscore_reader *reader, const cnnscore_window_batch *sites, int32_t site) {
    cnnscore_reader_counts *counts = &reader->reads.reads.counts;
    int64_t pos = sites->pos[site], ref = sites->site_allele[site];
    const int64_t *offset = sites->allele_offset + ref;
    size_t annotations = (size_t)sites->n_annotations, first = (size_t)site * annotations;
    bool answers = pos >= 0 && pos < reader->contig_length, has_allele = false;
    for (size_t i = 0; i < annotations; i++) answers = answers && !isinf(sites->annotations[first + i]);
    for (int64_t a = 1; answers && !has_allele && a < sites->site_allele[site + 1] - ref; a++) {
        cnnscore_allele allele;
        has_allele = cnnscore_allele_trim(&allele, pos, sites->alleles + offset[0], offset[1] - offset[0],
                                          sites->alleles + offset[a], offset[a + 1] - offset[a]);
    }
    counts->records += answers;
    counts->with_allele += has_allele;
}

/* The reference around a site, and the reads over it. */
static int read_window(cnnscore_reader *reader, const cnnscore_window_batch *sites, int32_t site,
                       cnnscore_windows *windows, cnnscore_error *err) {
    int64_t begin = sites->pos[site] - reader->reference_left;
    uint8_t *reference = windows->reference + (size_t)site * (size_t)reader->reference_width;
    int code = enter_contig(reader, sites, site, err);
    if (code == CNNSCORE_OK)
        code = cnnscore_reference_check(&reader->reference, reader->contig, reader->contig_length, sites,
                                        site, err);
    if (code == CNNSCORE_OK)
        code = cnnscore_reference_copy(&reader->reference, reader->contig, reader->contig_length, begin,
                                       begin + reader->reference_width, reference, err);
    if (code != CNNSCORE_OK) return code;
    count_site(reader, sites, site);
    if (!reader->reads.reads.n_files) return CNNSCORE_OK;
    return read_site(reader, sites, site, windows, err);
}

/* The site columns of `sites` from site `first` on. */
static cnnscore_window_batch sites_from(const cnnscore_window_batch *sites, int32_t first) {
    cnnscore_window_batch rest = *sites;
    if (first == 0) return rest;
    rest.n_sites -= first;
    rest.contig += first;
    rest.pos += first;
    rest.end += first;
    rest.kind += first;
    rest.site_allele += first;
    if (rest.annotations) rest.annotations += (size_t)first * (size_t)rest.n_annotations;
    if (rest.qual) rest.qual += first;
    return rest;
}

static int make_room(const cnnscore_reader *reader, size_t n, cnnscore_windows *windows) {
    size_t width = (size_t)reader->reference_width;
    if (cnnscore_reserve(&windows->reference, &windows->reference_capacity, n * width + 1, 1) < 0 ||
        cnnscore_reserve(&windows->site_read, &windows->site_capacity, n + 1, sizeof(int64_t)) < 0 ||
        cnnscore_reserve(&windows->read_offset, &windows->read_capacity, 1, sizeof(int64_t)) < 0 ||
        cnnscore_reserve(&windows->site_depth, &windows->depth_capacity, n + 1, sizeof(int32_t)) < 0 ||
        cnnscore_reserve(&windows->sample_depth, &windows->sample_depth_capacity, n + 1, sizeof(float)) < 0 ||
        cnnscore_reserve(&windows->reads, &windows->reads_capacity, 1, 1) < 0)
        return -1;
    memset(windows->site_read, 0, (n + 1) * sizeof(int64_t));
    memset(windows->site_depth, 0, n * sizeof(int32_t));
    for (size_t i = 0; i < n; i++) windows->sample_depth[i] = reader->sample_depth;
    windows->read_offset[0] = 0;
    return 0;
}

int cnnscore_reader_read(cnnscore_reader *reader, const cnnscore_window_batch *all, int32_t first,
                         int64_t most_bytes, cnnscore_windows *windows, cnnscore_error *err) {
    if (!reader->reference.index) return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "windows need a reference");
    if (first < 0 || first > all->n_sites)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "windows from site %ld of %ld on", (long)first,
                             (long)all->n_sites);
    const cnnscore_window_batch sites = sites_from(all, first);
    if (make_room(reader, (size_t)sites.n_sites, windows) < 0) return cnnscore_fail_memory(err);

    int32_t n = 0;
    while (n < sites.n_sites && (n == 0 || windows->read_offset[windows->site_read[n]] < most_bytes)) {
        int code = read_window(reader, &sites, n++, windows, err);
        if (code != CNNSCORE_OK) {
            cnnscore_site_reads_end_query(&reader->reads); /* it stopped halfway */
            return code;
        }
    }
    windows->batch = sites;
    windows->batch.n_sites = n;
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
