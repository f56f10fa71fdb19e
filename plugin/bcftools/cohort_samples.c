/* cohort_samples.c: the rows of --sample-map, checked, and their readers. */
#include "cohort_samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "fail.h"
#include "report.h"

static int open_reader(const plugin_cohort_samples *self, int32_t row, bool is_another,
                       cnnscore_reader **reader, cnnscore_error *err) {
    const cnnscore_engine_description *network = &self->engine->network;
    const cnnscore_sample_row *of = cnnscore_sample_map_row(self->map, row);
    const cnnscore_reader_options wanted = {
        .struct_size = sizeof wanted,
        .reference = self->options->reference,
        .reads = of->reads,
        .n_reads = of->n_reads,
        .sample = of->sample,
        .read_rule = network->read_rule,
        .read_limit = network->read_limit,
        .downsampling = CNNSCORE_DOWNSAMPLE_SITE,
        .reference_left = network->reference_left,
        .reference_width = network->reference_width,
        .is_another = is_another,
    };
    return cnnscore_reader_open(&wanted, reader, err);
}

/* Checks rows until there are no more; of several errors that of the first row is kept. */
static void *check_rows(void *data) {
    plugin_cohort_samples *self = data;
    int32_t n = cnnscore_sample_map_rows(self->map);
    for (;;) {
        pthread_mutex_lock(&self->mutex);
        int32_t row = self->next < self->failed ? self->next++ : n;
        pthread_mutex_unlock(&self->mutex);
        if (row >= n) return NULL;
        cnnscore_error error;
        cnnscore_reader *reader = NULL;
        int code = open_reader(self, row, false, &reader, &error);
        if (code == CNNSCORE_OK) code = cnnscore_reader_check_contigs(reader, &error);
        const cnnscore_sample_row *of = cnnscore_sample_map_row(self->map, row);
        for (int32_t i = 0; code == CNNSCORE_OK && i < of->n_reads; i++)
            if (cnnscore_reader_note(reader, i)) report_warning("%s", cnnscore_reader_note(reader, i));
        cnnscore_reader_close(reader);
        if (code == CNNSCORE_OK) continue;
        pthread_mutex_lock(&self->mutex);
        if (row < self->failed) {
            self->failed = row;
            self->error = error;
        }
        pthread_mutex_unlock(&self->mutex);
    }
}

static int check_all(plugin_cohort_samples *self, cnnscore_error *err) {
    int32_t n_threads = self->options->threads, started = 0;
    pthread_t *threads = calloc((size_t)n_threads, sizeof *threads);
    if (!threads) return cnnscore_fail_memory(err);
    self->failed = cnnscore_sample_map_rows(self->map);
    while (started < n_threads - 1 && pthread_create(&threads[started], NULL, check_rows, self) == 0)
        started++;
    check_rows(self);
    for (int32_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
    free(threads);
    if (self->failed == cnnscore_sample_map_rows(self->map)) return CNNSCORE_OK;
    *err = self->error;
    cnnscore_sample_map_name(self->map, self->failed, err);
    return err->code;
}

int cohort_samples_open(plugin_cohort_samples *self, plugin_engine *engine, const plugin_options *o,
                        const cnnscore_calls *calls, cnnscore_error *err) {
    const cnnscore_sample_map *map = self->map;
    *self = (plugin_cohort_samples){.engine = engine, .options = o, .map = map};
    pthread_mutex_init(&self->mutex, NULL);
    self->n_samples = cnnscore_calls_samples(calls);
    size_t n = (size_t)self->n_samples + 1;
    self->row = malloc(n * sizeof *self->row);
    self->wanted = calloc(n, sizeof *self->wanted);
    self->depth = calloc(n, sizeof *self->depth);
    self->known = calloc(n, sizeof *self->known);
    self->counted = calloc(n, sizeof *self->counted);
    self->too_short = calloc(n, sizeof *self->too_short);
    if (!self->row || !self->wanted || !self->depth || !self->known || !self->counted || !self->too_short)
        return cnnscore_fail_memory(err);
    int code = cnnscore_sample_map_match(map, calls, self->row, err);
    if (code != CNNSCORE_OK) return code;
    for (int32_t i = 0; i < self->n_samples; i++) self->wanted[i] = self->row[i] >= 0;
    cnnscore_error warning;
    if (cnnscore_sample_map_warn(map, calls, self->row, &warning)) report_warning("%s", warning.message);
    return check_all(self, err);
}

void cohort_samples_close(plugin_cohort_samples *self) {
    if (self->row) pthread_mutex_destroy(&self->mutex);
    free(self->row);
    free(self->wanted);
    free(self->depth);
    free(self->known);
    free(self->counted);
    free(self->too_short);
    *self = (plugin_cohort_samples){0};
}

/* How deep a sample is: what the map says, else measured. INPUT where no read of its files counts. */
static int measure(const plugin_cohort_samples *self, const cnnscore_sample_row *row, cnnscore_reader *reader,
                   float *depth, cnnscore_error *err) {
    const char *model = self->engine->network.model;
    cnnscore_reader_counts looked, none = {.sites = 1, .sites_empty = 1};
    int code = cnnscore_reader_look(reader, &looked, err);
    if (code == CNNSCORE_OK) code = cnnscore_check_read_groups(reader, &looked, 1, model, err);
    if (code == CNNSCORE_OK) code = cnnscore_check_reads(reader, &none, &looked, 1, model, err);
    *depth = row->depth;
    if (code == CNNSCORE_OK && isnan(row->depth)) code = cnnscore_reader_measure_depth(reader, depth, err);
    return code;
}

int cohort_samples_reader(plugin_cohort_samples *self, int32_t sample, cnnscore_reader **reader,
                          cnnscore_error *err) {
    int32_t row = self->row[sample];
    int code = open_reader(self, row, true, reader, err);
    pthread_mutex_lock(&self->mutex);
    bool known = self->known[sample];
    float depth = self->depth[sample];
    pthread_mutex_unlock(&self->mutex);
    if (code == CNNSCORE_OK && !known) {
        code = measure(self, cnnscore_sample_map_row(self->map, row), *reader, &depth, err);
        pthread_mutex_lock(&self->mutex);
        self->depth[sample] = depth;
        self->known[sample] |= code == CNNSCORE_OK;
        pthread_mutex_unlock(&self->mutex);
    }
    if (code == CNNSCORE_OK)
        cnnscore_reader_set_depth(*reader, depth);
    else
        cnnscore_sample_map_name(self->map, row, err);
    return code;
}

void cohort_samples_count(plugin_cohort_samples *self, int32_t sample, const cnnscore_reader_counts *counts) {
    pthread_mutex_lock(&self->mutex);
    self->counted[sample] += cnnscore_reads_that_count(counts);
    self->too_short[sample] += counts->too_short;
    pthread_mutex_unlock(&self->mutex);
}

int32_t cohort_samples_read(const plugin_cohort_samples *self) {
    int32_t n = 0;
    for (int32_t i = 0; i < self->n_samples; i++) n += self->known[i];
    return n;
}
