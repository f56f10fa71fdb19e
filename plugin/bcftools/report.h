/* report.h: what the plugin says on stderr. */
#ifndef CNNSCORE_PLUGIN_REPORT_H
#define CNNSCORE_PLUGIN_REPORT_H

#include <stdint.h>

#include "cnnscore.h"
#include "window.h"

__attribute__((format(printf, 1, 2))) void report_warning(const char *format, ...);
__attribute__((format(printf, 1, 2))) void report_note(const char *format, ...);

/* What a run did. */
typedef struct {
    int64_t sites, scored;
    cnnscore_reader_counts reads;
    double start, last_line; /* seconds of report_clock() */
} plugin_tally;

/* What a run over a cohort did. */
typedef struct {
    int64_t sites, scored, carriers, carriers_scored;
    int64_t unread; /* carriers without reads, */
    int32_t samples_without_reads, samples_read;
    cnnscore_reader_counts reads;
    double start;
} plugin_cohort_tally;

double report_clock(void);
/* A line when the last one is 10 s old; `part` of the input is read, NaN where not known. */
void report_progress(plugin_tally *tally, const cnnscore_window_batch *sites, double part);
/* The closing lines. */
void report_cohort(const plugin_cohort_tally *tally, const char *provider);
void report_summary(const plugin_tally *tally, const char *provider);

#endif
