/* cohort_samples.h: the samples of a cohort whose reads are named; looked at before the first site is scored.
 */
#ifndef CNNSCORE_PLUGIN_COHORT_SAMPLES_H
#define CNNSCORE_PLUGIN_COHORT_SAMPLES_H

#include <pthread.h>

#include "cohort.h"
#include "engine.h"
#include "options.h"
#include "sample_map.h"
#include "window.h"

typedef struct {
    plugin_engine *engine;
    const plugin_options *options;
    const cnnscore_sample_map *map;
    int32_t n_samples;
    int32_t *row;                 /* [n_samples] of the map, -1: none */
    uint8_t *wanted;              /* [n_samples] whether there is one */
    float *depth;                 /* [n_samples] how deep it usually is */
    bool *known;                  /* [n_samples] whether its reads were looked at */
    int64_t *counted, *too_short; /* [n_samples] reads at its sites that count; of these short ones */
    int32_t next;                 /* row that is to be checked */
    int32_t failed;               /* the first row with an error; its number of rows: none */
    cnnscore_error error;
    pthread_mutex_t mutex; /* guards depth, known, counted, too_short, next, failed and error */
} plugin_cohort_samples;

/* Open and close the files of all rows of the map, and warn. INPUT that names the row: a sample that the
 * calls lack, files that cannot be opened, have no index, or are of another sample. */
int cohort_samples_open(plugin_cohort_samples *samples, plugin_engine *engine, const plugin_options *options,
                        const cnnscore_calls *calls, cnnscore_error *err);
void cohort_samples_close(plugin_cohort_samples *samples);
/* A reader of a sample's windows that knows how deep it is, which is measured once. */
int cohort_samples_reader(plugin_cohort_samples *samples, int32_t sample, cnnscore_reader **reader,
                          cnnscore_error *err);
/* Add what a reader of a sample has met. */
void cohort_samples_count(plugin_cohort_samples *samples, int32_t sample,
                          const cnnscore_reader_counts *counts);
/* How many samples' reads were looked at. */
int32_t cohort_samples_read(const plugin_cohort_samples *samples);

#endif
