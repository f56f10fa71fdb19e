/* report.c: warnings, progress and the closing line, in the words of `cnnscore score`. */
#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cohort.h"
#include "grouped.h"
#include "options.h"

#define LINE_INTERVAL_S 10.0

static void say(const char *prefix, const char *format, va_list args) {
    char text[CNNSCORE_MESSAGE_SIZE];
    vsnprintf(text, sizeof text, format, args);
    options_name_in(text);
    fprintf(stderr, "%s: %s\n", prefix, text); /* in one call: threads share stderr */
}

void report_warning(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say("Warning", format, args);
    va_end(args);
}

void report_note(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say("cnnscore", format, args);
    va_end(args);
}

double report_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void report_progress(plugin_tally *tally, const cnnscore_window_batch *sites, double part) {
    double now = report_clock();
    if (now - tally->last_line < LINE_INTERVAL_S || sites->n_sites == 0) return;
    tally->last_line = now;
    int32_t last = sites->n_sites - 1, contig = sites->contig[last];
    int64_t begin = sites->contig_offset[contig], end = sites->contig_offset[contig + 1];
    char done[16] = "";
    if (!isnan(part)) snprintf(done, sizeof done, "%3.0f %%  ", 100 * part);
    report_note("%s%s sites  %s/s  %.*s:%" PRId64, done, cnnscore_grouped(tally->sites).text,
                cnnscore_grouped(llrint((double)tally->sites / (now - tally->start))).text,
                (int)(end - begin), sites->contig_names + begin, sites->pos[last] + 1);
}

void report_summary(const plugin_tally *tally, const char *provider) {
    double seconds = report_clock() - tally->start;
    char unscored[96] = "";
    if (tally->sites > tally->scored)
        snprintf(unscored, sizeof unscored,
                 "; not scored: %s without an ALT allele to score, or a finite score",
                 cnnscore_grouped(tally->sites - tally->scored).text);
    report_note("%s of %s sites scored in %.1f s (%s/s, %s)%s", cnnscore_grouped(tally->scored).text,
                cnnscore_grouped(tally->sites).text, seconds,
                cnnscore_grouped(llrint((double)tally->sites / fmax(seconds, 1e-9))).text, provider,
                unscored);
}

void report_cohort(const plugin_cohort_tally *tally, const char *provider) {
    double seconds = report_clock() - tally->start;
    int64_t carriers = tally->carriers + tally->unread;
    char lacking[128] = "";
    cnnscore_error warning;
    if (cnnscore_warn_of_carriers(tally->reads.sites, tally->reads.sites_empty, &warning))
        report_warning("%s", warning.message);
    if (tally->samples_without_reads)
        snprintf(lacking, sizeof lacking, "; %s carriers of %s sample%s have no reads in the map",
                 cnnscore_grouped(tally->unread).text, cnnscore_grouped(tally->samples_without_reads).text,
                 tally->samples_without_reads == 1 ? "" : "s");
    report_note("%s of %s carriers scored at %s of %s sites, reads of %s sample%s, in %.1f s (%s/s, %s)%s",
                cnnscore_grouped(tally->carriers_scored).text, cnnscore_grouped(carriers).text,
                cnnscore_grouped(tally->scored).text, cnnscore_grouped(tally->sites).text,
                cnnscore_grouped(tally->samples_read).text, tally->samples_read == 1 ? "" : "s", seconds,
                cnnscore_grouped(llrint((double)carriers / fmax(seconds, 1e-9))).text, provider, lacking);
}
