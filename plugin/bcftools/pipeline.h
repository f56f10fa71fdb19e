/* pipeline.h: records of a call file -> windows -> scores -> records of the output. */
#ifndef CNNSCORE_PLUGIN_PIPELINE_H
#define CNNSCORE_PLUGIN_PIPELINE_H

#include "engine.h"
#include "options.h"
#include "output.h"
#include "report.h"

typedef struct plugin_pipeline plugin_pipeline;

/* Open one window reader a worker, warn where the reads may not be those of `calls`, and start the workers.
 */
int pipeline_open(plugin_engine *engine, const plugin_options *options, const cnnscore_calls *calls,
                  plugin_pipeline **pipeline, cnnscore_error *err);
/* Score all records of `calls` into `output` under INFO `key`, in input order. Memory is bounded by
 * 2 * threads + 1 jobs. The first failing job's error is the run's. */
int pipeline_run(plugin_pipeline *pipeline, cnnscore_calls *calls, plugin_output *output, const char *key,
                 plugin_tally *tally, cnnscore_error *err);
/* Warn of scores that lack, and of reads that did not count, after the run. */
void pipeline_warn(const plugin_pipeline *pipeline, const plugin_tally *tally);
/* The sample's depth that windows were read with; NaN: unknown. */
float pipeline_depth(const plugin_pipeline *pipeline);
/* Stop and join the workers. */
void pipeline_close(plugin_pipeline *pipeline);

#endif
