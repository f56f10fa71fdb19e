/* plugin_cohort.h: records of many samples -> a score for each carrier, one for the site: --sample-map. */
#ifndef CNNSCORE_PLUGIN_COHORT_H
#define CNNSCORE_PLUGIN_COHORT_H

#include "cohort_samples.h"
#include "engine.h"
#include "options.h"
#include "output.h"
#include "report.h"

/* Score the carriers of all records of `calls` into `output`, in blocks as `cnnscore score` does: each worker
 * has the files of one sample open at a time. The first failing task's error is the run's. */
int cohort_run(plugin_engine *engine, const plugin_options *options, plugin_cohort_samples *samples,
               cnnscore_calls *calls, plugin_output *output, const cnnscore_cohort_keys *keys,
               plugin_cohort_tally *tally, cnnscore_error *err);

#endif
