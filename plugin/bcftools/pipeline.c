/* pipeline.c: the calling thread reads records and writes scored ones; between the two, workers
 * read windows and call the engine, each on a job of its own.
 *
 * Jobs live in a ring of slots. Three counters say how far each step is: `filled` (records read),
 * `taken` (by a worker), `written`; a job's slot is its number modulo the ring's size. */
#define _GNU_SOURCE /* asprintf */
#include "pipeline.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "fail.h"
#include "grow.h"

typedef struct {
    cnnscore_records *records;
    cnnscore_windows *windows; /* that the caller read: from site `first` on */
    int32_t first;
    float *scores; /* of its sites, or of their ALT alleles */
    size_t capacity;
    bool done;
    cnnscore_error error; /* of a done job, code 0 when it is scored */
} job;

typedef struct {
    plugin_pipeline *pipeline;
    pthread_t thread;
    bool started;
    cnnscore_reader *reader;
    cnnscore_windows *windows;
    cnnscore_reader_counts counts; /* the reader's after its last job; guarded by the mutex */
} worker;

struct plugin_pipeline {
    plugin_engine *engine;
    const plugin_options *options;
    bool in_order; /* GATK's random state runs from site to site: the caller reads windows too */
    worker *workers;
    int32_t n_workers;
    job *jobs; /* the ring */
    uint64_t n_jobs, filled, taken, written;
    bool stop;
    float depth;                   /* of the sample */
    cnnscore_reader_counts looked; /* whether any read of the files counts */
    pthread_mutex_t mutex;         /* guards filled, taken, stop, done and counts */
    pthread_cond_t work, done;
};

static int open_readers(plugin_pipeline *p, const cnnscore_calls *calls, cnnscore_error *err) {
    const plugin_options *o = p->options;
    const cnnscore_engine_description *network = &p->engine->network;
    bool needs_reads = network->read_rule != CNNSCORE_READS_NONE;
    cnnscore_reader_options wanted = {
        .struct_size = sizeof wanted,
        .reference = o->reference,
        .reads = o->reads,
        .n_reads = needs_reads ? o->n_reads : 0,
        .sample = needs_reads ? o->sample : NULL,
        .read_rule = network->read_rule,
        .read_limit = network->read_limit,
        .downsampling = o->downsampling,
        .reference_left = network->reference_left,
        .reference_width = network->reference_width,
    };
    for (int32_t i = 0; i < (p->in_order ? 1 : p->n_workers); i++) {
        wanted.is_another = i > 0;
        int code = cnnscore_reader_open(&wanted, &p->workers[i].reader, err);
        if (code != CNNSCORE_OK) return code;
    }
    for (int32_t i = 0; i < o->n_reads; i++) {
        const char *note = cnnscore_reader_note(p->workers[0].reader, i);
        if (note) report_warning("%s", note);
    }
    p->depth = o->sample_depth;
    int code = o->sample_depth > 0 ? CNNSCORE_OK
                                   : cnnscore_reader_measure_depth(p->workers[0].reader, &p->depth, err);
    if (code == CNNSCORE_OK) code = cnnscore_reader_look(p->workers[0].reader, &p->looked, err);
    if (code != CNNSCORE_OK) return code;
    for (int32_t i = 0; i < (p->in_order ? 1 : p->n_workers); i++)
        cnnscore_reader_set_depth(p->workers[i].reader, p->depth);
    cnnscore_error warning;
    if (cnnscore_uses_depth(network->read_rule, network->annotations, network->n_annotations) &&
        o->sample_depth <= 0 && !p->looked.sites_empty &&
        cnnscore_warn_of_depth(p->workers[0].reader, p->depth, &warning))
        report_warning("%s", warning.message);
    if (cnnscore_warn_of_read_samples(calls, p->workers[0].reader, o->sample, &warning))
        report_warning("%s", warning.message);
    return CNNSCORE_OK;
}

/* ALT alleles of the first n sites. */
static int64_t count_alleles(const cnnscore_window_batch *sites, int32_t n) {
    return sites->site_allele[n] - sites->site_allele[0] - n;
}

/* Score the windows of sites [first, first + n) of a job. */
static int score_part(plugin_pipeline *p, job *j, const cnnscore_windows *windows, int32_t first) {
    const cnnscore_window_batch *batch = cnnscore_windows_batch(windows);
    bool per_allele = p->options->per_allele;
    int64_t at = per_allele ? count_alleles(cnnscore_records_sites(j->records), first) : first;
    return (per_allele ? p->engine->score_alleles : p->engine->score)(p->engine->handle, batch,
                                                                      j->scores + at, &j->error);
}

/* Read the windows of a job and score them, in parts of bounded size. The last part is left unscored where
 * that is wanted; *first is then its first site. */
static int read_and_score(plugin_pipeline *p, job *j, cnnscore_reader *reader, cnnscore_windows *windows,
                          bool but_last, int32_t *first) {
    const cnnscore_window_batch *sites = cnnscore_records_sites(j->records);
    int64_t n = p->options->per_allele ? count_alleles(sites, sites->n_sites) : sites->n_sites;
    if (cnnscore_reserve(&j->scores, &j->capacity, (size_t)n + 1, sizeof(float)) < 0)
        return cnnscore_fail_memory(&j->error);
    for (*first = 0; *first < sites->n_sites;) {
        int code = cnnscore_reader_read(reader, sites, *first, CNNSCORE_BATCH_BYTES, windows, &j->error);
        if (code != CNNSCORE_OK) return code;
        int32_t end = *first + cnnscore_windows_batch(windows)->n_sites;
        if (but_last && end == sites->n_sites) break;
        code = score_part(p, j, windows, *first);
        if (code != CNNSCORE_OK) return code;
        *first = end;
    }
    return CNNSCORE_OK;
}

/* Sites that have a score, or an ALT allele that has one. */
static int64_t count_scored(const plugin_pipeline *p, const job *j) {
    const cnnscore_window_batch *sites = cnnscore_records_sites(j->records);
    int64_t scored = 0;
    for (int32_t i = 0; i < sites->n_sites; i++) {
        int64_t from = p->options->per_allele ? count_alleles(sites, i) : i;
        int64_t to = p->options->per_allele ? count_alleles(sites, i + 1) : i + 1;
        bool known = false;
        for (int64_t at = from; at < to; at++) known |= !isnan(j->scores[at]);
        scored += known;
    }
    return scored;
}

static void *work(void *data) {
    worker *w = data;
    plugin_pipeline *p = w->pipeline;
    pthread_mutex_lock(&p->mutex);
    for (;;) {
        while (p->taken == p->filled && !p->stop) pthread_cond_wait(&p->work, &p->mutex);
        if (p->stop) break;
        job *j = &p->jobs[p->taken++ % p->n_jobs];
        pthread_mutex_unlock(&p->mutex);
        int32_t scored = 0;
        int code = p->in_order ? score_part(p, j, j->windows, j->first)
                               : read_and_score(p, j, w->reader, w->windows, false, &scored);
        if (code == CNNSCORE_OK) j->error.code = CNNSCORE_OK;
        pthread_mutex_lock(&p->mutex);
        if (!p->in_order) cnnscore_reader_count(w->reader, &w->counts);
        j->done = true;
        pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

static int start_workers(plugin_pipeline *p, cnnscore_error *err) {
    for (int32_t i = 0; i < p->n_workers; i++) {
        worker *w = &p->workers[i];
        int status = pthread_create(&w->thread, NULL, work, w);
        if (status)
            return cnnscore_fail(err, CNNSCORE_ERR_NOMEM, "cannot start %d threads (%s): use fewer --threads",
                                 p->n_workers, strerror(status));
        w->started = true;
    }
    return CNNSCORE_OK;
}

int pipeline_open(plugin_engine *engine, const plugin_options *o, const cnnscore_calls *calls,
                  plugin_pipeline **out, cnnscore_error *err) {
    *out = NULL;
    plugin_pipeline *p = calloc(1, sizeof *p);
    if (!p) return cnnscore_fail_memory(err);
    p->engine = engine;
    p->options = o;
    p->in_order =
        o->downsampling == CNNSCORE_DOWNSAMPLE_GATK && engine->network.read_rule != CNNSCORE_READS_NONE;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    /* One job per worker, one waiting for it, one being written. */
    p->n_jobs = 2 * (uint64_t)o->threads + 1;
    p->workers = calloc((size_t)o->threads, sizeof *p->workers);
    p->jobs = calloc(p->n_jobs, sizeof *p->jobs);
    int code = p->workers && p->jobs ? CNNSCORE_OK : cnnscore_fail_memory(err);
    for (uint64_t i = 0; code == CNNSCORE_OK && i < p->n_jobs; i++) {
        p->jobs[i].records = cnnscore_records_new();
        p->jobs[i].windows = cnnscore_windows_new();
        if (!p->jobs[i].records || !p->jobs[i].windows) code = cnnscore_fail_memory(err);
    }
    if (p->workers) p->n_workers = o->threads;
    for (int32_t i = 0; i < p->n_workers; i++) {
        p->workers[i].pipeline = p;
        p->workers[i].windows = cnnscore_windows_new();
        if (!p->workers[i].windows) code = cnnscore_fail_memory(err);
    }
    if (code == CNNSCORE_OK) code = open_readers(p, calls, err);
    if (code == CNNSCORE_OK) code = start_workers(p, err);
    if (code != CNNSCORE_OK) {
        pipeline_close(p);
        return code;
    }
    *out = p;
    return CNNSCORE_OK;
}

void pipeline_close(plugin_pipeline *p) {
    if (!p) return;
    pthread_mutex_lock(&p->mutex);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->mutex);
    for (int32_t i = 0; i < p->n_workers; i++) {
        if (p->workers[i].started) pthread_join(p->workers[i].thread, NULL);
        cnnscore_reader_close(p->workers[i].reader);
        cnnscore_windows_free(p->workers[i].windows);
    }
    for (uint64_t i = 0; p->jobs && i < p->n_jobs; i++) {
        cnnscore_records_free(p->jobs[i].records);
        cnnscore_windows_free(p->jobs[i].windows);
        free(p->jobs[i].scores);
    }
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->mutex);
    free(p->jobs);
    free(p->workers);
    free(p);
}

/* Read the next records into a free slot and hand them to the workers; *more is false at the end. */
static int fill(plugin_pipeline *p, cnnscore_calls *calls, bool *more, cnnscore_error *err) {
    job *j = &p->jobs[p->filled % p->n_jobs];
    int32_t most = cnnscore_reader_job_sites(p->workers[0].reader, p->engine->network.sites_per_job);
    int n = cnnscore_calls_read(calls, j->records, most, err);
    *more = n > 0;
    if (n <= 0) return n;
    j->done = false;
    j->error.code = CNNSCORE_OK;
    if (p->in_order) {
        int code = read_and_score(p, j, p->workers[0].reader, j->windows, true, &j->first);
        cnnscore_reader_count(p->workers[0].reader, &p->workers[0].counts);
        if (code != CNNSCORE_OK) {
            *err = j->error;
            return code;
        }
    }
    pthread_mutex_lock(&p->mutex);
    p->filled++;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->mutex);
    return CNNSCORE_OK;
}

static void sum_counts(plugin_pipeline *p, cnnscore_reader_counts *sum) {
    *sum = (cnnscore_reader_counts){0};
    pthread_mutex_lock(&p->mutex);
    for (int32_t i = 0; i < p->n_workers; i++) cnnscore_reader_counts_add(sum, &p->workers[i].counts);
    pthread_mutex_unlock(&p->mutex);
}

/* `groups` reads without a read group are enough to fail, and `sites` without a read that counts. */
static int check_reads(plugin_pipeline *p, int64_t groups, int64_t sites, plugin_tally *tally,
                       cnnscore_error *err) {
    const cnnscore_reader *reader = p->workers[0].reader;
    const char *model = p->engine->network.model;
    sum_counts(p, &tally->reads);
    int code = cnnscore_check_read_groups(reader, &tally->reads, groups, model, err);
    return code == CNNSCORE_OK ? cnnscore_check_reads(reader, &tally->reads, &p->looked, sites, model, err)
                               : code;
}

/* Wait for the oldest job and write it. */
static int finish(plugin_pipeline *p, cnnscore_calls *calls, plugin_output *output, const char *key,
                  plugin_tally *tally, cnnscore_error *err) {
    job *j = &p->jobs[p->written % p->n_jobs];
    pthread_mutex_lock(&p->mutex);
    while (!j->done) pthread_cond_wait(&p->done, &p->mutex);
    pthread_mutex_unlock(&p->mutex);
    if (j->error.code != CNNSCORE_OK) {
        *err = j->error;
        return err->code;
    }
    int code = (p->options->per_allele ? cnnscore_writer_write_alleles : cnnscore_writer_write)(
        output->writer, j->records, key, j->scores, err);
    if (code != CNNSCORE_OK) return code;
    const cnnscore_window_batch *sites = cnnscore_records_sites(j->records);
    tally->sites += sites->n_sites;
    tally->scored += count_scored(p, j);
    if (p->options->verbose) report_progress(tally, sites, cnnscore_calls_progress(calls));
    p->written++;
    return check_reads(p, CNNSCORE_READS_WITHOUT_GROUP, CNNSCORE_SITES_WITHOUT_READS, tally, err);
}

int pipeline_run(plugin_pipeline *p, cnnscore_calls *calls, plugin_output *output, const char *key,
                 plugin_tally *tally, cnnscore_error *err) {
    bool more = true;
    int code = CNNSCORE_OK;
    *tally = (plugin_tally){.start = report_clock(), .last_line = report_clock()};
    while (code == CNNSCORE_OK) {
        while (code == CNNSCORE_OK && more && p->filled - p->written < p->n_jobs)
            code = fill(p, calls, &more, err);
        if (code != CNNSCORE_OK || p->filled == p->written) break;
        code = finish(p, calls, output, key, tally, err);
    }
    const cnnscore_engine_description *network = &p->engine->network;
    if (code == CNNSCORE_OK) code = check_reads(p, 1, 1, tally, err);
    if (code == CNNSCORE_OK)
        code = cnnscore_check_scores(&tally->reads, tally->scored, network->encoding, network->model, err);
    return code;
}

void pipeline_warn(const plugin_pipeline *p, const plugin_tally *tally) {
    const cnnscore_engine_description *network = &p->engine->network;
    cnnscore_error warning;
    if (cnnscore_warn_of_scores(&tally->reads, tally->scored, network->encoding, network->model, &warning))
        report_warning("%s", warning.message);
    for (int32_t i = 0; cnnscore_warn_of_reads(p->workers[0].reader, &tally->reads, i, &warning); i++)
        report_warning("%s", warning.message);
}

float pipeline_depth(const plugin_pipeline *p) {
    return p->depth;
}
