/* read_checks.c: what every door checks of the reads that count. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "fail.h"
#include "grouped.h"

#define ADD_READ_GROUP "give the reads one with `samtools addreplacerg -r ID:1 -r SM:NAME`"
#define REASONS 8

/* ---- in words ---- */

typedef struct {
    int64_t reads;
    const char *are;
} reason;

static int compare_reasons(const void *left, const void *right) {
    const reason *a = left, *b = right;
    if (a->reads != b->reads) return a->reads > b->reads ? -1 : 1;
    return strcmp(a->are, b->are);
}

/* Why reads do not count, the most frequent reason first: "93 % are duplicates, 7 % ...". */
static void say_reasons(const cnnscore_reader_counts *counts, char *text, size_t size) {
    reason reasons[REASONS] = {
        {counts->unmapped, "are unmapped"},
        {counts->secondary, "are secondary or supplementary"},
        {counts->duplicate, "are marked as duplicates"},
        {counts->qc_fail, "fail quality checks (QC-fail)"},
        {counts->no_read_group, "have no read group"},
        {counts->artificial, "are artificial haplotypes"},
        {counts->other_sample, "are of another sample"},
        {counts->no_qualities, "have no bases, base qualities or CIGAR"},
    };
    size_t used = 0;
    *text = '\0';
    qsort(reasons, REASONS, sizeof *reasons, compare_reasons);
    for (size_t i = 0; i < REASONS && reasons[i].reads > 0 && used < size; i++) {
        double part = 100.0 * (double)reasons[i].reads / (double)counts->reads;
        char share[32] = "less than 1 %";
        if (part >= 1) snprintf(share, sizeof share, "%.0f %%", part);
        int n = snprintf(text + used, size - used, "%s%s %s", i ? ", " : "", share, reasons[i].are);
        used += n > 0 ? (size_t)n : 0;
    }
}

static int64_t dropped(const cnnscore_reader_counts *counts) {
    return counts->reads - cnnscore_reads_that_count(counts);
}

/* ---- checks ---- */

int cnnscore_check_read_groups(const cnnscore_reader *reader, const cnnscore_reader_counts *counts,
                               int64_t enough, const char *model, cnnscore_error *err) {
    if (counts->reads < enough || counts->no_read_group < counts->reads) return CNNSCORE_OK;
    return cnnscore_fail(
        err, CNNSCORE_ERR_INPUT,
        "no read of %s has a read group, and %s drops such reads, as GATK does: " ADD_READ_GROUP,
        cnnscore_reader_files(reader), model);
}

int cnnscore_check_reads(const cnnscore_reader *reader, const cnnscore_reader_counts *counts,
                         const cnnscore_reader_counts *looked, int64_t enough, const char *model,
                         cnnscore_error *err) {
    if (counts->sites < enough || counts->sites_empty < counts->sites || !looked->sites_empty)
        return CNNSCORE_OK;
    const char *files = cnnscore_reader_files(reader);
    cnnscore_reader_counts all = *counts;
    char reasons[512];
    cnnscore_reader_counts_add(&all, looked);
    if (!all.reads)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s has no aligned reads, and %s needs reads: is it the right file, and whole?",
                             files, model);
    say_reasons(&all, reasons, sizeof reasons);
    return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                         "no read of %s counts for %s: of %s reads over the sites and elsewhere, %s", files,
                         model, cnnscore_grouped(all.reads).text, reasons);
}

/* ---- warnings ---- */

static void warn_of_empty_sites(const cnnscore_reader *reader, const cnnscore_reader_counts *counts,
                                cnnscore_error *warning) {
    char reasons[512] = "";
    if (dropped(counts)) say_reasons(counts, reasons, sizeof reasons);
    if (!counts->reads)
        cnnscore_fail(warning, CNNSCORE_OK, "no read of %s lies over any of the %s sites",
                      cnnscore_reader_files(reader), cnnscore_grouped(counts->sites).text);
    else if (dropped(counts))
        cnnscore_fail(warning, CNNSCORE_OK,
                      "no read of %s counts at %s of %s sites: of %s reads over them, %s",
                      cnnscore_reader_files(reader), cnnscore_grouped(counts->sites_empty).text,
                      cnnscore_grouped(counts->sites).text, cnnscore_grouped(counts->reads).text, reasons);
    else
        cnnscore_fail(warning, CNNSCORE_OK, "no read of %s lies over %s of %s sites",
                      cnnscore_reader_files(reader), cnnscore_grouped(counts->sites_empty).text,
                      cnnscore_grouped(counts->sites).text);
}

int32_t cnnscore_warn_of_reads(const cnnscore_reader *reader, const cnnscore_reader_counts *counts, int32_t i,
                               cnnscore_error *warning) {
    if (2 * counts->sites_empty > counts->sites && i-- == 0) {
        warn_of_empty_sites(reader, counts, warning);
        return 1;
    }
    if (2 * counts->no_read_group > counts->reads && i-- == 0) {
        cnnscore_fail(warning, CNNSCORE_OK,
                      "%s of %s reads have no read group and were dropped, as GATK does: " ADD_READ_GROUP,
                      cnnscore_grouped(counts->no_read_group).text, cnnscore_grouped(counts->reads).text);
        return 1;
    }
    if (2 * counts->no_qualities > counts->reads && i-- == 0) {
        cnnscore_fail(warning, CNNSCORE_OK, "%s of %s reads have no base qualities and were dropped",
                      cnnscore_grouped(counts->no_qualities).text, cnnscore_grouped(counts->reads).text);
        return 1;
    }
    int64_t counted = cnnscore_reads_that_count(counts);
    if (2 * counts->too_short > counted && i-- == 0) {
        cnnscore_fail(warning, CNNSCORE_OK,
                      "%s of %s reads that count are shorter than %d bases, which no network was tested on: "
                      "do not trust these scores without a truth set",
                      cnnscore_grouped(counts->too_short).text, cnnscore_grouped(counted).text,
                      CNNSCORE_SHORTEST_READ);
        return 1;
    }
    return 0;
}

int32_t cnnscore_warn_of_depth(const cnnscore_reader *reader, float depth, cnnscore_error *warning) {
    int32_t parts, covered;
    const char *files = cnnscore_reader_files(reader);
    cnnscore_reader_coverage(reader, &parts, &covered);
    if (isnan(depth))
        cnnscore_fail(
            warning, CNNSCORE_OK,
            "%s has too few reads to tell how deep the sample usually is, which moves scores: give the "
            "depth of the whole file with `sample_depth=` (`cnnscore depth` prints it)",
            files);
    else if (2 * covered < parts)
        cnnscore_fail(
            warning, CNNSCORE_OK,
            "reads of %s lie in %d of %d parts of its contigs, and a sample depth of %g was measured "
            "there: if it is a slice of a larger file, give that one's with `sample_depth=` (`cnnscore "
            "depth` prints it)",
            files, covered, parts, (double)depth);
    else
        return 0;
    return 1;
}

int32_t cnnscore_uses_depth(int32_t read_rule, const char *const *annotations, int32_t n_annotations) {
    for (int32_t i = 0; read_rule == CNNSCORE_READS_PRIMARY && i < n_annotations; i++)
        if (strcmp(annotations[i], "RelativeDepth") == 0) return 1;
    return 0;
}
