/* cnnscore.c: `bcftools +cnnscore`, a plugin that owns its run.
 *
 * bcftools' own command line ends at the plugin's name: run() opens, scores and writes. Only public
 * htslib is used, from the host; records and windows are read by the code that the Python package
 * is built from (native/records, native/window). */
#define _DEFAULT_SOURCE /* on_exit */
#include <ctype.h>
#include <errno.h>
#include <htslib/hts.h>
#include <htslib/kstring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "annotations.h"
#include "aside.h"
#include "checks.h"
#include "engine.h"
#include "expression.h"
#include "fail.h"
#include "options.h"
#include "output.h"
#include "pipeline.h"
#include "plugin_cohort.h"
#include "report.h"

#define EXPORT __attribute__((visibility("default")))

enum { EXIT_USAGE = 1, EXIT_ERROR = 255 }; /* 255 is what bcftools' own error() gives */

/* The host's, where it shows it. */
extern char *bcftools_version(void) __attribute__((weak));

EXPORT const char *about(void);
EXPORT const char *usage(void);
EXPORT void version(const char **bcftools, const char **htslib);
EXPORT int run(int argc, char **argv);

const char *about(void) {
    return "Score variants with convolutional networks: real, or sequencing artefact?\n";
}

const char *usage(void) {
    return "\n"
           "About: Score variants with convolutional networks: real, or sequencing artefact? Writes one "
           "log-odds\n"
           "       per record into INFO; 0 is even odds, as in training. Of a cohort (--sample-map), one for "
           "each\n"
           "       carrier into FORMAT, and one for the site.\n"
           "Usage: bcftools +cnnscore -f REF.fa [Options] IN.vcf.gz|-\n"
           "Options:\n"
           "   -f, --fasta-ref FILE            FASTA with .fai that the variants were called against\n"
           "   -b, --reads FILE                Indexed BAM or CRAM; may be given several times\n"
           "   -m, --model NAME|FILE           Network [reads, or reference without -b]; see `cnnscore model "
           "list`\n"
           "   -k, --info-key TAG              INFO tag of the score [the network's own: CNN_READS, "
           "CNN_REF]\n"
           "       --overwrite                 Replace an INFO tag that the input has\n"
           "       --downsampling site|gatk    How to sample a site with more reads than the network takes: "
           "by the\n"
           "                                     site alone, or as GATK does, over a whole file in order "
           "[site]\n"
           "       --sample-depth X            How deep the sample usually is, as `cnnscore depth` prints it "
           "[measured in\n"
           "                                     the reads]\n"
           "       --annotations SOURCE        From the records (caller), the reads, or the reads where a "
           "record\n"
           "                                     has none (fill) [fill for cnnscore's networks that look "
           "at reads,\n"
           "                                     else caller]\n"
           "       --per-allele                One score per ALT allele (Number=A); cnnscore's networks "
           "only\n"
           "       --sample NAME               Its VCF column, and the reads whose read group has this SM\n"
           "       --sample-map FILE           Score each carrier of a cohort: a table with tabs of sample, "
           "reads "
           "(commas\n"
           "                                     between) and, if known, depth\n"
           "   -p, --provider NAME             Where to compute: auto, cpu, cuda, tensorrt; auto takes CUDA "
           "where\n"
           "                                     it works [auto]\n"
           "       --precision exact|bf16      bf16: GATK's networks two to three times as fast on a CPU "
           "with AMX, with\n"
           "                                     errors in the second decimal; the header says so [exact]\n"
           "   -B, --batch-size INT            Sites per network call; never changes a score\n"
           "       --threads INT               Worker threads [cores]\n"
           "   -i, --include EXPR              Take only records for which the expression is true\n"
           "   -e, --exclude EXPR              Leave out records for which the expression is true\n"
           "   -r, --regions REGION            Restrict to comma-separated list of regions\n"
           "   -R, --regions-file FILE         Restrict to regions listed in a file\n"
           "       --regions-overlap 0|1|2     Include if POS in the region (0), record overlaps (1), "
           "variant overlaps (2) [1]\n"
           "   -t, --targets REGION            Similar to -r but streams rather than index-jumps\n"
           "   -T, --targets-file FILE         Similar to -R but streams rather than index-jumps\n"
           "       --targets-overlap 0|1|2     Include if POS in the region (0), record overlaps (1), "
           "variant overlaps (2) [0]\n"
           "   -o, --output FILE               Write output to a file [standard output]\n"
           "   -O, --output-type u|b|v|z[0-9]  u/b: un/compressed BCF, v/z: un/compressed VCF, 0-9: "
           "compression\n"
           "                                     level [by the suffix of FILE, else v]\n"
           "   -W, --write-index[=tbi|csi]     Index the output file [csi]\n"
           "       --no-version                Do not append version and command line to the header\n"
           "   -v, --verbose, --verbosity INT  Report progress; -vv, or INT above 3, shows htslib's messages "
           "too [0]\n"
           "   -h, --help                      This text\n"
           "Environment:\n"
           "   CNNSCORE_LIBRARY                Another libcnnscore.so\n"
           "   CNNSCORE_PYTHON                 Another Python, one that has the package cnnscore\n"
           "   CNNSCORE_MODELS                 Another folder of networks\n"
           "Examples:\n"
           "   # Score with the reads, write an indexed file\n"
           "   bcftools +cnnscore -f ref.fa -b reads.bam calls.vcf.gz -o scored.vcf.gz -W\n"
           "\n"
           "   # Without reads, on four threads\n"
           "   bcftools +cnnscore -f ref.fa --threads 4 calls.vcf.gz -Ob -o scored.bcf\n"
           "\n"
           "   # In a pipe: keep what is likelier true than false\n"
           "   bcftools view -Ou -f PASS calls.bcf | bcftools +cnnscore -f ref.fa -b reads.bam -Ou - |\n"
           "     bcftools view -i 'CNN_READS>0' -Oz -o kept.vcf.gz\n"
           "\n"
           "   # A score for each carrier of a cohort, and for each site\n"
           "   bcftools +cnnscore -f ref.fa --sample-map samples.tsv cohort.vcf.gz -o scored.vcf.gz -W\n"
           "\n"
           "   # One sample of several; options may follow --\n"
           "   bcftools +cnnscore trio.vcf.gz -- -f ref.fa -b child.bam --sample child -r chr20\n"
           "\n";
}

/* bcftools compares these with its own and warns when they differ. Nothing here depends on its
 * version, so the answer is the host's. */
void version(const char **bcftools, const char **htslib) {
    *bcftools = bcftools_version ? bcftools_version() : "unknown";
    *htslib = hts_version();
}

/* The two lines that bcftools' commands add, in their notation. */
static int record_command(cnnscore_calls *calls, int argc, char **argv, cnnscore_error *err) {
    kstring_t line = KS_INITIALIZE;
    const char *host, *htslib;
    version(&host, &htslib);
    ksprintf(&line, "##bcftools_cnnscoreVersion=%s+htslib-%s+cnnscore-%s", host, htslib, CNNSCORE_VERSION);
    int code = cnnscore_calls_add_header(calls, line.s, err);
    if (code == CNNSCORE_OK) {
        time_t now = time(NULL);
        char date[64];
        strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", localtime(&now));
        line.l = 0;
        ksprintf(&line, "##bcftools_cnnscoreCommand=%s", argv[0]);
        for (int i = 1; i < argc; i++) ksprintf(&line, strchr(argv[i], ' ') ? " '%s'" : " %s", argv[i]);
        for (size_t i = 0; i < line.l; i++)
            if (iscntrl((unsigned char)line.s[i])) line.s[i] = ' ';
        ksprintf(&line, "; Date=%s", date);
        code = cnnscore_calls_add_header(calls, line.s, err);
    }
    ks_free(&line);
    return code;
}

static int check_samples(const cnnscore_calls *calls, const plugin_options *o, bool needs_reads,
                         cnnscore_error *err) {
    cnnscore_error warning;
    int code = cnnscore_calls_check_sample(calls, o->sample, needs_reads, err);
    if (code == CNNSCORE_OK && cnnscore_calls_warn_of_samples(calls, o->sample, &warning))
        report_warning("%s", warning.message);
    return code;
}

static int open_calls(const plugin_options *o, const cnnscore_engine_description *network,
                      cnnscore_calls **calls, cnnscore_error *err) {
    cnnscore_calls_options wanted = {
        .struct_size = sizeof wanted,
        .path = o->calls,
        .regions = o->regions,
        .regions_file = o->regions_file,
        .targets = o->targets,
        .targets_file = o->targets_file,
        .annotations = network->annotations,
        .n_annotations = network->n_annotations,
        .must_be_sorted = o->index || o->targets,
        .reference = o->reference,
        .regions_overlap = o->regions_overlap,
        .targets_overlap = o->targets_overlap,
    };
    int code = cnnscore_calls_open(&wanted, calls, err);
    if (code == CNNSCORE_OK && cnnscore_calls_note(*calls)) report_warning("%s", cnnscore_calls_note(*calls));
    return code;
}

static cnnscore_score_lines score_lines(const cnnscore_engine_description *network, const char *key,
                                        bool per_allele) {
    return (cnnscore_score_lines){
        .struct_size = sizeof(cnnscore_score_lines),
        .key = key,
        .description = network->info_description,
        .per_allele = per_allele,
        .model = network->model,
        .network = network->network,
        .cutoffs = network->cutoffs,
        .version = CNNSCORE_VERSION,
        .precision = network->precision,
    };
}

/* Check that calls, network and options agree, and complete the header. */
static int prepare(cnnscore_calls *calls, const plugin_options *o, const cnnscore_engine_description *network,
                   const char *key, int argc, char **argv, cnnscore_error *err) {
    int code = check_samples(calls, o, network->read_rule != CNNSCORE_READS_NONE, err);
    if (code == CNNSCORE_OK) code = cnnscore_calls_check_key(calls, key, o->overwrite, err);
    if (code != CNNSCORE_OK) return code;
    cnnscore_score_lines lines = score_lines(network, key, o->per_allele);
    code = cnnscore_calls_add_score(calls, &lines, err);
    return code == CNNSCORE_OK && o->record_command ? record_command(calls, argc, argv, err) : code;
}

static int check_reads(const plugin_options *o, const cnnscore_engine_description *network,
                       cnnscore_error *err) {
    bool needs_reads = network->read_rule != CNNSCORE_READS_NONE;
    if (o->sample_map)
        return cnnscore_check_cohort_network(network->model, needs_reads, network->annotations_from, err);
    if (needs_reads && !o->n_reads && !o->sample_map)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "the network %s looks at reads: give them with --reads (-b)", network->model);
    if (network->read_rule == CNNSCORE_READS_PRIMARY && o->downsampling == CNNSCORE_DOWNSAMPLE_GATK)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "the network %s chooses reads by their names: --downsampling gatk is for GATK's "
                             "networks",
                             network->model);
    if (o->sample_depth > 0 &&
        !cnnscore_uses_depth(network->read_rule, network->annotations, network->n_annotations))
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "the network %s does not look at the sample's depth: leave out --sample-depth",
                             network->model);
    if (o->n_reads && !needs_reads)
        report_warning("the network %s does not look at reads; they are not used", network->model);
    return CNNSCORE_OK;
}

static void warn_of_annotations(const cnnscore_calls *calls, const cnnscore_engine_description *network) {
    cnnscore_error warning;
    for (int32_t i = 0;
         cnnscore_calls_warn_of_annotations(calls, network->encoding, network->model, i, &warning); i++)
        report_warning("%s", warning.message);
}

static int score_sample(plugin_engine *engine, const plugin_options *o, cnnscore_calls *calls, int argc,
                        char **argv, cnnscore_error *err) {
    const cnnscore_engine_description *network = &engine->network;
    const char *key = o->info_key ? o->info_key : network->info_key;
    plugin_pipeline *pipeline = NULL;
    plugin_output output = {0};
    plugin_tally tally = {0};
    int code = prepare(calls, o, network, key, argc, argv, err);
    if (code == CNNSCORE_OK) code = pipeline_open(engine, o, calls, &pipeline, err);
    if (code == CNNSCORE_OK &&
        cnnscore_uses_depth(network->read_rule, network->annotations, network->n_annotations))
        code = cnnscore_calls_add_depth(calls, key, pipeline_depth(pipeline), o->sample_depth > 0, err);
    if (code == CNNSCORE_OK) code = output_open(&output, calls, o, err);
    if (code == CNNSCORE_OK) code = pipeline_run(pipeline, calls, &output, key, &tally, err);
    if (code == CNNSCORE_OK) code = output_finish(&output, err);
    if (code == CNNSCORE_OK && tally.sites == 0 && cnnscore_calls_note(calls))
        report_warning("%s", cnnscore_calls_note(calls));
    if (code == CNNSCORE_OK) warn_of_annotations(calls, network);
    if (code == CNNSCORE_OK) pipeline_warn(pipeline, &tally);
    if (code == CNNSCORE_OK) report_summary(&tally, network->provider);
    pipeline_close(pipeline); /* before what its workers look at */
    output_close(&output);
    return code;
}

static int score_carriers(plugin_engine *engine, const plugin_options *o, cnnscore_sample_map *map,
                          cnnscore_calls *calls, int argc, char **argv, cnnscore_error *err) {
    const cnnscore_engine_description *network = &engine->network;
    const cnnscore_cohort_keys keys = {sizeof keys, network->info_key, CNNSCORE_SITE_KEY,
                                       CNNSCORE_NUMBER_KEY};
    const cnnscore_score_lines lines = score_lines(network, network->info_key, false);
    plugin_cohort_samples samples = {.map = map};
    plugin_output output = {0};
    plugin_cohort_tally tally = {.start = report_clock()};
    cnnscore_error warning;
    int code = cnnscore_calls_add_cohort_scores(calls, &keys, &lines, o->overwrite, err);
    if (code == CNNSCORE_OK && o->record_command) code = record_command(calls, argc, argv, err);
    if (code == CNNSCORE_OK) code = cohort_samples_open(&samples, engine, o, calls, err);
    if (code == CNNSCORE_OK) code = output_open(&output, calls, o, err);
    if (code == CNNSCORE_OK) code = cohort_run(engine, o, &samples, calls, &output, &keys, &tally, err);
    if (code == CNNSCORE_OK) code = output_finish(&output, err);
    if (code == CNNSCORE_OK && tally.sites == 0 && cnnscore_calls_note(calls))
        report_warning("%s", cnnscore_calls_note(calls));
    if (code == CNNSCORE_OK &&
        cnnscore_warn_of_short_reads(calls, samples.counted, samples.too_short, &warning))
        report_warning("%s", warning.message);
    if (code == CNNSCORE_OK) report_cohort(&tally, network->provider);
    output_close(&output);
    cohort_samples_close(&samples);
    return code;
}

static int annotate(plugin_engine *engine, const plugin_options *o, int argc, char **argv,
                    cnnscore_error *err) {
    const cnnscore_engine_description *network = &engine->network;
    cnnscore_calls *calls = NULL;
    cnnscore_sample_map *map = NULL;
    plugin_expression *expression = NULL;
    int code = cnnscore_check_info_key(o->info_key ? o->info_key : network->info_key, err);
    if (code == CNNSCORE_OK && o->sample_map) code = cnnscore_sample_map_read(o->sample_map, &map, err);
    if (code == CNNSCORE_OK) code = check_reads(o, network, err);
    if (code == CNNSCORE_OK) code = output_check(o, map, err);
    if (code == CNNSCORE_OK) code = open_calls(o, network, &calls, err);
    if (code == CNNSCORE_OK) code = expression_open(o, calls, &expression, err);
    if (code == CNNSCORE_OK && map)
        code = score_carriers(engine, o, map, calls, argc, argv, err);
    else if (code == CNNSCORE_OK)
        code = score_sample(engine, o, calls, argc, argv, err);
    cnnscore_sample_map_free(map);
    expression_close(expression);
    cnnscore_calls_close(calls);
    return code;
}

static bool is_running;

/* bcftools' filter ends the process where an expression does not fit a record. Nothing stays aside then, and
 * what the engine's threads work on is not torn down under them. */
static void end_at_once(int status, void *data) {
    (void)data;
    if (!is_running) return;
    aside_remove_all();
    _exit(status);
}

int run(int argc, char **argv) {
    cnnscore_error error = {0};
    plugin_options options;
    plugin_engine engine = {0};
    int code = options_parse(argc, argv, &options, &error);
    if (code == CNNSCORE_OK && options.help) {
        fputs(usage(), stdout);
        options_free(&options);
        return 0;
    }
    if (code == CNNSCORE_OK) {
        aside_watch_signals();
        /* Never ask the network for a CRAM's reference: it is --fasta-ref or an error. */
        setenv("REF_PATH", "/dev/null", 0);
        setenv("OPENBLAS_NUM_THREADS", "1", 0); /* numpy's: they have nothing to do, and take time to start */
        cnnscore_htslib_verbosity(options.verbose > 1 ? 3 : 0);
        code = engine_open(&engine, &options, &error);
        if (code == CNNSCORE_OK && on_exit(end_at_once, NULL) != 0) code = cnnscore_fail_memory(&error);
        is_running = true;
        if (code == CNNSCORE_OK) code = annotate(&engine, &options, argc, argv, &error);
        is_running = false;
        engine_close(&engine);
    }
    options_free(&options);
    if (code == CNNSCORE_OK) return 0;
    options_name_in(error.message);
    fprintf(stderr, "Error: %s\n", error.message[0] ? error.message : "unknown error");
    return code == CNNSCORE_ERR_USAGE ? EXIT_USAGE : EXIT_ERROR;
}
