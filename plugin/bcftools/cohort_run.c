/* cohort_run.c: the calling thread reads a block of records, workers score its carriers sample by sample, and
 * the calling thread writes it. Memory is that of one block. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "grow.h"
#include "plugin_cohort.h"
#include "report.h"

typedef struct {
    cnnscore_records *records;
    cnnscore_carriers *carriers;
} part;

typedef struct run run;
typedef struct {
    run *run;
    pthread_t thread;
    bool started;
    cnnscore_windows *windows;
    cnnscore_reader_counts counts; /* of all its readers */
} worker;

struct run {
    plugin_engine *engine;
    plugin_cohort_samples *samples;
    part parts[CNNSCORE_COHORT_READS];
    int32_t n_parts; /* of the block */
    cnnscore_by_sample *block;
    float *sorted, *scores; /* of its carriers, sample by sample; record by record */
    size_t sorted_capacity, scores_capacity;
    worker *workers;
    int32_t n_workers, busy; /* workers that have not ended their part of the block */
    int32_t next;            /* carrier that is to be taken */
    uint64_t block_number;
    bool stop;
    cnnscore_error error; /* the first, code 0: none */
    pthread_mutex_t mutex;
    pthread_cond_t work, done;
};

/* Score carriers [first, end) of the block, which are of one sample. */
static int score_sample(run *r, worker *w, int32_t first, int32_t end, cnnscore_error *err) {
    cnnscore_window_batch sites = *cnnscore_by_sample_sites(r->block);
    int32_t sample = cnnscore_by_sample_sample(r->block)[first];
    cnnscore_reader *reader = NULL;
    int code = cohort_samples_reader(r->samples, sample, &reader, err);
    sites.n_sites = end;
    while (code == CNNSCORE_OK && first < end) {
        code = cnnscore_reader_read(reader, &sites, first, CNNSCORE_BATCH_BYTES, w->windows, err);
        if (code != CNNSCORE_OK) cnnscore_sample_map_name(r->samples->map, r->samples->row[sample], err);
        if (code == CNNSCORE_OK)
            code = r->engine->score(r->engine->handle, cnnscore_windows_batch(w->windows), r->sorted + first,
                                    err);
        if (code == CNNSCORE_OK) first += cnnscore_windows_batch(w->windows)->n_sites;
    }
    if (reader) {
        cnnscore_reader_counts counts = {0};
        cnnscore_reader_count(reader, &counts);
        cnnscore_reader_counts_add(&w->counts, &counts);
        cohort_samples_count(r->samples, sample, &counts);
    }
    cnnscore_reader_close(reader);
    return code;
}

/* Take the next carriers: of one sample, as many as a job has. False where there are none, or an error was.
 */
static bool take(run *r, int32_t *first, int32_t *end) {
    const int32_t *sample = cnnscore_by_sample_sample(r->block);
    int32_t n = cnnscore_by_sample_sites(r->block)->n_sites, most = r->engine->network.sites_per_job;
    *first = *end = r->next;
    if (r->stop || r->error.code != CNNSCORE_OK || r->next >= n) return false;
    while (*end < n && *end - *first < most && sample[*end] == sample[*first]) ++*end;
    r->next = *end;
    return true;
}

static void *work(void *data) {
    worker *w = data;
    run *r = w->run;
    uint64_t done = 0;
    pthread_mutex_lock(&r->mutex);
    for (;;) {
        while (r->block_number == done && !r->stop) pthread_cond_wait(&r->work, &r->mutex);
        if (r->stop) break;
        done = r->block_number;
        int32_t first, end;
        while (take(r, &first, &end)) {
            cnnscore_error error = {0};
            pthread_mutex_unlock(&r->mutex);
            int code = score_sample(r, w, first, end, &error);
            pthread_mutex_lock(&r->mutex);
            if (code != CNNSCORE_OK && r->error.code == CNNSCORE_OK) r->error = error;
        }
        if (--r->busy == 0) pthread_cond_signal(&r->done);
    }
    pthread_mutex_unlock(&r->mutex);
    return NULL;
}

static int score_block(run *r, cnnscore_error *err) {
    pthread_mutex_lock(&r->mutex);
    r->next = 0;
    r->busy = r->n_workers;
    r->block_number++;
    pthread_cond_broadcast(&r->work);
    while (r->busy > 0) pthread_cond_wait(&r->done, &r->mutex);
    *err = r->error;
    pthread_mutex_unlock(&r->mutex);
    return err->code;
}

static int fill_block(run *r, cnnscore_calls *calls, plugin_cohort_tally *tally, cnnscore_error *err) {
    const cnnscore_carriers *found[CNNSCORE_COHORT_READS];
    int64_t n = 0;
    r->n_parts = 0;
    while (r->n_parts < CNNSCORE_COHORT_READS && n < CNNSCORE_COHORT_CARRIERS) {
        part *p = &r->parts[r->n_parts];
        int read = cnnscore_calls_read(calls, p->records, CNNSCORE_COHORT_RECORDS, err);
        if (read < 0) return read;
        if (read == 0) break;
        int code = cnnscore_carriers_find(p->carriers, p->records, r->samples->wanted, err);
        if (code != CNNSCORE_OK) return code;
        const cnnscore_carrier_columns *columns = cnnscore_carriers_columns(p->carriers);
        for (int32_t i = 0; i < r->samples->n_samples; i++) tally->unread += columns->unread[i];
        found[r->n_parts++] = p->carriers;
        n += columns->n;
    }
    if (cnnscore_reserve(&r->sorted, &r->sorted_capacity, (size_t)n + 1, sizeof *r->sorted) < 0 ||
        cnnscore_reserve(&r->scores, &r->scores_capacity, (size_t)n + 1, sizeof *r->scores) < 0)
        return cnnscore_fail_memory(err);
    return cnnscore_by_sample_fill(r->block, found, r->n_parts, err);
}

static int write_block(run *r, plugin_output *output, const cnnscore_cohort_keys *keys,
                       plugin_cohort_tally *tally, cnnscore_error *err) {
    const int64_t *number = cnnscore_by_sample_number(r->block);
    int32_t n = cnnscore_by_sample_sites(r->block)->n_sites;
    for (int32_t i = 0; i < n; i++) r->scores[number[i]] = r->sorted[i];
    int64_t first = 0;
    int code = CNNSCORE_OK;
    for (int32_t p = 0; code == CNNSCORE_OK && p < r->n_parts; p++) {
        const cnnscore_carrier_columns *columns = cnnscore_carriers_columns(r->parts[p].carriers);
        const float *scores = r->scores + first;
        code = cnnscore_writer_write_carriers(output->writer, r->parts[p].records, r->parts[p].carriers, keys,
                                              scores, err);
        tally->sites += cnnscore_records_sites(r->parts[p].records)->n_sites;
        tally->carriers += columns->n;
        int32_t last = -1;
        for (int64_t i = 0; i < columns->n; i++) {
            if (isnan(scores[i])) continue;
            tally->carriers_scored++;
            tally->scored += columns->record[i] != last;
            last = columns->record[i];
        }
        first += columns->n;
    }
    return code;
}

static void close_run(run *r) {
    pthread_mutex_lock(&r->mutex);
    r->stop = true;
    pthread_cond_broadcast(&r->work);
    pthread_mutex_unlock(&r->mutex);
    for (int32_t i = 0; i < r->n_workers; i++) {
        if (r->workers[i].started) pthread_join(r->workers[i].thread, NULL);
        cnnscore_windows_free(r->workers[i].windows);
    }
    for (int32_t i = 0; i < CNNSCORE_COHORT_READS; i++) {
        cnnscore_records_free(r->parts[i].records);
        cnnscore_carriers_free(r->parts[i].carriers);
    }
    cnnscore_by_sample_free(r->block);
    free(r->workers);
    free(r->sorted);
    free(r->scores);
    pthread_cond_destroy(&r->done);
    pthread_cond_destroy(&r->work);
    pthread_mutex_destroy(&r->mutex);
}

static int open_run(run *r, int32_t n_threads, cnnscore_error *err) {
    bool whole = true;
    r->block = cnnscore_by_sample_new();
    r->workers = calloc((size_t)n_threads, sizeof *r->workers);
    for (int32_t i = 0; i < CNNSCORE_COHORT_READS; i++) {
        r->parts[i] = (part){cnnscore_records_new(), cnnscore_carriers_new()};
        whole = whole && r->parts[i].records && r->parts[i].carriers;
    }
    if (!whole || !r->block || !r->workers) return cnnscore_fail_memory(err);
    for (r->n_workers = 0; r->n_workers < n_threads; r->n_workers++) {
        worker *w = &r->workers[r->n_workers];
        *w = (worker){.run = r, .windows = cnnscore_windows_new()};
        if (!w->windows) return cnnscore_fail_memory(err);
        int status = pthread_create(&w->thread, NULL, work, w);
        if (status) {
            cnnscore_windows_free(w->windows);
            return cnnscore_fail(err, CNNSCORE_ERR_NOMEM, "cannot start %d threads (%s): use fewer --threads",
                                 n_threads, strerror(status));
        }
        w->started = true;
    }
    return CNNSCORE_OK;
}

int cohort_run(plugin_engine *engine, const plugin_options *o, plugin_cohort_samples *samples,
               cnnscore_calls *calls, plugin_output *output, const cnnscore_cohort_keys *keys,
               plugin_cohort_tally *tally, cnnscore_error *err) {
    run r = {.engine = engine, .samples = samples};
    pthread_mutex_init(&r.mutex, NULL);
    pthread_cond_init(&r.work, NULL);
    pthread_cond_init(&r.done, NULL);
    int code = open_run(&r, o->threads, err);
    while (code == CNNSCORE_OK) {
        code = fill_block(&r, calls, tally, err);
        if (code != CNNSCORE_OK || r.n_parts == 0) break;
        code = score_block(&r, err);
        if (code == CNNSCORE_OK) code = write_block(&r, output, keys, tally, err);
    }
    for (int32_t i = 0; i < r.n_workers; i++) cnnscore_reader_counts_add(&tally->reads, &r.workers[i].counts);
    close_run(&r);
    if (code == CNNSCORE_OK)
        code = cnnscore_check_carriers(calls, tally->carriers, tally->carriers_scored, err);
    for (int32_t i = 0; i < samples->n_samples; i++) tally->samples_without_reads += !samples->wanted[i];
    tally->samples_read = cohort_samples_read(samples);
    return code;
}
