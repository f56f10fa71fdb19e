/* options.c: argv -> plugin_options, with the checks that need no file but the reference. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "options.h"

#include <ctype.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "checks.h"
#include "fail.h"

enum {
    OPTION_SAMPLE = 256,
    OPTION_THREADS,
    OPTION_DOWNSAMPLING,
    OPTION_SAMPLE_DEPTH,
    OPTION_OVERWRITE,
    OPTION_NO_VERSION,
    OPTION_ANNOTATIONS,
    OPTION_PER_ALLELE,
    OPTION_REGIONS_OVERLAP,
    OPTION_TARGETS_OVERLAP,
    OPTION_VERBOSITY,
    OPTION_SAMPLE_MAP,
    OPTION_PRECISION
};

static const char SHORT_OPTIONS[] = ":f:b:m:k:p:B:i:e:r:R:t:T:o:O:W::v::h";
static const struct option LONG_OPTIONS[] = {
    {"fasta-ref", required_argument, NULL, 'f'},
    {"reads", required_argument, NULL, 'b'},
    {"model", required_argument, NULL, 'm'},
    {"info-key", required_argument, NULL, 'k'},
    {"provider", required_argument, NULL, 'p'},
    {"precision", required_argument, NULL, OPTION_PRECISION},
    {"batch-size", required_argument, NULL, 'B'},
    {"sample", required_argument, NULL, OPTION_SAMPLE},
    {"sample-map", required_argument, NULL, OPTION_SAMPLE_MAP},
    {"include", required_argument, NULL, 'i'},
    {"exclude", required_argument, NULL, 'e'},
    {"regions", required_argument, NULL, 'r'},
    {"regions-file", required_argument, NULL, 'R'},
    {"regions-overlap", required_argument, NULL, OPTION_REGIONS_OVERLAP},
    {"targets", required_argument, NULL, 't'},
    {"targets-file", required_argument, NULL, 'T'},
    {"targets-overlap", required_argument, NULL, OPTION_TARGETS_OVERLAP},
    {"output", required_argument, NULL, 'o'},
    {"output-type", required_argument, NULL, 'O'},
    {"write-index", optional_argument, NULL, 'W'},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"downsampling", required_argument, NULL, OPTION_DOWNSAMPLING},
    {"sample-depth", required_argument, NULL, OPTION_SAMPLE_DEPTH},
    {"annotations", required_argument, NULL, OPTION_ANNOTATIONS},
    {"per-allele", no_argument, NULL, OPTION_PER_ALLELE},
    {"overwrite", no_argument, NULL, OPTION_OVERWRITE},
    {"no-version", no_argument, NULL, OPTION_NO_VERSION},
    {"verbose", no_argument, NULL, 'v'},
    {"verbosity", required_argument, NULL, OPTION_VERBOSITY},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int usage_error(cnnscore_error *err, const char *what, const char *value, const char *wanted) {
    return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "%s %s: %s", what, value, wanted);
}

static bool is_number(const char *text) {
    return *text && text[strspn(text, "0123456789")] == '\0';
}

static int positive(const char *option, const char *text, int32_t *value, cnnscore_error *err) {
    char *rest;
    long number = strtol(text, &rest, 10);
    if (!isdigit((unsigned char)*text) || *rest || number < 1 || number > INT32_MAX)
        return usage_error(err, option, text, "not a positive number");
    *value = (int32_t)number;
    return CNNSCORE_OK;
}

/* bcftools' levels: 0 shows no progress, and those above 3 are htslib's. */
static int verbosity(const char *text, int *verbose, cnnscore_error *err) {
    char *rest;
    long level = strtol(text, &rest, 10);
    if (!isdigit((unsigned char)*text) || *rest) return usage_error(err, "--verbosity", text, "not a number");
    *verbose = level > 3 ? 2 : level > 0;
    return CNNSCORE_OK;
}

/* As `cnnscore score` takes it: digits, with a point perhaps. */
static int depth(const char *option, const char *text, float *value, cnnscore_error *err) {
    static const char digits[] = "0123456789";
    size_t length = strspn(text, digits);
    if (length && text[length] == '.') length += 1 + strspn(text + length + 1, digits);
    double number = length && !text[length] ? strtod(text, NULL) : 0;
    *value = (float)number;
    if (*value <= 0 || number >= 1e9) return usage_error(err, option, text, "not a depth: a number above 0");
    return CNNSCORE_OK;
}

static int one_of(const char *option, const char *text, const char *const *choices, cnnscore_error *err) {
    for (; *choices; choices++)
        if (strcmp(text, *choices) == 0) return CNNSCORE_OK;
    return usage_error(err, option, text, "no such choice; `bcftools +cnnscore -h` lists them");
}

/* bcftools' names and numbers of what must lie within an interval. */
static int overlap(const char *option, const char *text, int32_t *value, cnnscore_error *err) {
    static const char *const names[] = {"pos", "record", "variant"};
    for (int32_t i = 0; i < 3; i++)
        if (strcasecmp(text, names[i]) == 0 || (text[0] == '0' + i && !text[1])) {
            *value = i;
            return CNNSCORE_OK;
        }
    return usage_error(err, option, text, "give pos, record or variant (0, 1, 2)");
}

static int32_t cores(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static int set_intervals(const char **slot, bool *slot_is_file, bool is_file, const char *pair,
                         cnnscore_error *err) {
    if (*slot && *slot_is_file != is_file)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "give %s, not both", pair);
    *slot = optarg;
    *slot_is_file = is_file;
    return CNNSCORE_OK;
}

static int set_option(int option, plugin_options *o, const char **type, cnnscore_error *err) {
    static const char *const providers[] = {"auto", "cpu", "cuda", "tensorrt", NULL};
    static const char *const precisions[] = {"exact", "bf16", NULL};
    static const char *const indexes[] = {"tbi", "csi", NULL};
    static const char *const samplings[] = {"site", "gatk", NULL};
    static const char *const sources[] = {"caller", "reads", "fill", NULL};
    switch (option) {
        case 'f':
            o->reference = optarg;
            break;
        case 'b':
            o->reads[o->n_reads++] = optarg;
            break;
        case 'm':
            o->model = optarg;
            break;
        case 'k':
            o->info_key = optarg;
            break;
        case 'p':
            o->provider = optarg;
            return one_of("-p", optarg, providers, err);
        case OPTION_PRECISION:
            o->precision = optarg;
            return one_of("--precision", optarg, precisions, err);
        case 'B':
            return positive("-B", optarg, &o->batch_size, err);
        case OPTION_SAMPLE:
            o->sample = optarg;
            break;
        case OPTION_SAMPLE_MAP:
            o->sample_map = optarg;
            break;
        case 'i':
        case 'e':
            if (o->include || o->exclude)
                return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                                     "give one expression, by -i or -e: && and || join several");
            *(option == 'i' ? &o->include : &o->exclude) = optarg;
            break;
        case 'r':
        case 'R':
            return set_intervals(&o->regions, &o->regions_file, option == 'R', "-r or -R", err);
        case 't':
        case 'T':
            return set_intervals(&o->targets, &o->targets_file, option == 'T', "-t or -T", err);
        case 'o':
            o->output = optarg;
            break;
        case 'O':
            *type = optarg;
            break;
        case 'W':
            o->index = !optarg ? "csi" : optarg + (*optarg == '=');
            return one_of("-W", o->index, indexes, err);
        case OPTION_THREADS:
            return positive("--threads", optarg, &o->threads, err);
        case OPTION_DOWNSAMPLING:
            o->downsampling =
                strcmp(optarg, "gatk") == 0 ? CNNSCORE_DOWNSAMPLE_GATK : CNNSCORE_DOWNSAMPLE_SITE;
            return one_of("--downsampling", optarg, samplings, err);
        case OPTION_SAMPLE_DEPTH:
            return depth("--sample-depth", optarg, &o->sample_depth, err);
        case OPTION_ANNOTATIONS:
            o->annotations = optarg;
            return one_of("--annotations", optarg, sources, err);
        case OPTION_REGIONS_OVERLAP:
            return overlap("--regions-overlap", optarg, &o->regions_overlap, err);
        case OPTION_TARGETS_OVERLAP:
            return overlap("--targets-overlap", optarg, &o->targets_overlap, err);
        case OPTION_PER_ALLELE:
            o->per_allele = true;
            break;
        case OPTION_OVERWRITE:
            o->overwrite = true;
            break;
        case OPTION_NO_VERSION:
            o->record_command = false;
            break;
        case 'v':
            o->verbose++;
            break;
        case OPTION_VERBOSITY:
            return verbosity(optarg, &o->verbose, err);
        case 'h':
            o->help = true;
            break;
    }
    return CNNSCORE_OK;
}

/* The long option of the argument whose name begins at `name`, or NULL. */
static const char *option_of(const char *name, size_t length) {
    char dashed[32];
    if (length >= sizeof dashed) return NULL;
    for (size_t i = 0; i < length; i++) dashed[i] = name[i] == '_' ? '-' : name[i];
    dashed[length] = '\0';
    if (strcmp(dashed, "annotations-from") == 0) dashed[strlen("annotations")] = '\0';
    if (strcmp(dashed, "region") == 0) strcpy(dashed, "regions");
    for (const struct option *o = LONG_OPTIONS; o->name; o++)
        if (strcmp(o->name, dashed) == 0) return o->name;
    return NULL;
}

void options_name_in(char *text) {
    char *to = text; /* an option is never longer than the argument was with its marks */
    for (const char *from = text; *from;) {
        size_t length = *from == '`' ? strspn(from + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;
        const char *value = from + length + 2;
        const char *end = length && value[-1] == '=' ? strchr(value, '`') : NULL;
        const char *option = end ? option_of(from + 1, length) : NULL;
        if (!option) {
            *to++ = *from++;
            continue;
        }
        *to++ = '-';
        *to++ = '-';
        size_t n = strlen(option);
        memcpy(to, option, n);
        to += n;
        size_t gap = end > value;
        memmove(to + gap, value, (size_t)(end - value)); /* before the gap, which may lie on it */
        if (gap) *to = ' ';
        to += gap + (size_t)(end - value);
        from = end + 1;
    }
    *to = '\0';
}

static int unknown_option(int why, char *const *words, cnnscore_error *err) {
    char text[3] = {'-', (char)optopt, '\0'};
    const char *name = optopt && optopt < OPTION_SAMPLE ? text : words[optind - 1];
    return usage_error(err, "option", name,
                       why == ':' ? "it needs a value" : "not known; `bcftools +cnnscore -h` lists all");
}

static bool has_suffix(const char *text, const char *suffix) {
    size_t length = strlen(text), end = strlen(suffix);
    return length >= end && strcmp(text + length - end, suffix) == 0;
}

/* The format by `type` as in bcftools, else by the suffix of the output. */
static int set_mode(plugin_options *o, const char *type, cnnscore_error *err) {
    if (!type)
        type = has_suffix(o->output, ".bcf")                                   ? "b"
               : has_suffix(o->output, ".gz") || has_suffix(o->output, ".bgz") ? "z"
                                                                               : "v";
    bool compressed = *type == 'b' || *type == 'z';
    size_t length = strlen(type);
    if (strcmp(type, "v") == 0)
        strcpy(o->mode, "w");
    else if (strcmp(type, "u") == 0)
        strcpy(o->mode, "wbu");
    else if (compressed && (length == 1 || (length == 2 && isdigit((unsigned char)type[1]))))
        snprintf(o->mode, sizeof o->mode, "w%s", type);
    else
        return usage_error(err, "-O", type, "give u, b, v or z, b and z with a level 0-9 if wanted");
    if (o->index && !compressed)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "-W needs a file and a compressed output: -o FILE with -O z or -O b");
    if (o->index && *type == 'b' && strcmp(o->index, "tbi") == 0)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "a BCF takes a csi index, not tbi: -W=csi");
    return CNNSCORE_OK;
}

static int check_reference(const plugin_options *o, cnnscore_error *err) {
    if (!o->reference)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "no reference: give the FASTA that the variants were called against with -f");
    if (cnnscore_is_bed(o->reference))
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "-f is the reference FASTA, and %s is a BED file: intervals go to -R or -T",
                             o->reference);
    return CNNSCORE_OK;
}

static int check_cohort(const plugin_options *o, cnnscore_error *err) {
    const char *other = o->n_reads                                    ? "-b"
                        : o->sample                                   ? "--sample"
                        : o->sample_depth > 0                         ? "--sample-depth"
                        : o->info_key                                 ? "--info-key"
                        : o->per_allele                               ? "--per-allele"
                        : o->downsampling == CNNSCORE_DOWNSAMPLE_GATK ? "--downsampling gatk"
                        : o->annotations && strcmp(o->annotations, "reads") != 0
                            ? "another --annotations than reads"
                            : NULL;
    if (!o->sample_map || !other) return CNNSCORE_OK;
    return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "%s does not go with --sample-map", other);
}

static int set_calls(plugin_options *o, int n, char **names, cnnscore_error *err) {
    if (n > 1)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "one input at a time, but there are %s and %s",
                             names[0], names[1]);
    if (n == 0 && isatty(STDIN_FILENO))
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "no input: give a VCF or BCF, or - for a pipe");
    o->calls = n ? names[0] : "-";
    return CNNSCORE_OK;
}

int options_parse(int argc, char **argv, plugin_options *o, cnnscore_error *err) {
    *o = (plugin_options){.output = "-",
                          .provider = "auto",
                          .precision = "exact",
                          .threads = cores(),
                          .record_command = true,
                          .regions_overlap = 1};
    o->reads = calloc((size_t)argc + 1, sizeof *o->reads);
    char **words = calloc(2 * (size_t)argc + 1, sizeof *words); /* getopt moves them about */
    if (!o->reads || !words) {
        free(words);
        return cnnscore_fail_memory(err);
    }
    int n = 0, option, code = CNNSCORE_OK;
    bool skipped = false;
    static char verbose[] = "-v";
    for (int i = 0; i < argc; i++) {
        if (!skipped && strcmp(argv[i], "--") == 0)
            skipped = true;
        else if (strncmp(argv[i], "-v", 2) == 0 && is_number(argv[i] + 2)) { /* -v3, as -v 3 */
            words[n++] = verbose;
            words[n++] = argv[i] + 2;
        } else
            words[n++] = argv[i];
    }
    const char *type = NULL;
    optind = 0; /* bcftools has parsed before us: start anew */
    opterr = 0;
    while (code == CNNSCORE_OK && (option = getopt_long(n, words, SHORT_OPTIONS, LONG_OPTIONS, NULL)) >= 0) {
        /* `-v 3`, as in newer releases of bcftools: a number is not the name of a call file. */
        if (option == 'v' && optind < n && is_number(words[optind])) {
            option = OPTION_VERBOSITY;
            optarg = words[optind++];
        }
        code = option == '?' || option == ':' ? unknown_option(option, words, err)
                                              : set_option(option, o, &type, err);
    }
    if (code == CNNSCORE_OK && !o->help) code = set_calls(o, n - optind, words + optind, err);
    if (code == CNNSCORE_OK && !o->help) code = set_mode(o, type, err);
    if (code == CNNSCORE_OK && !o->help) code = check_reference(o, err);
    if (code == CNNSCORE_OK && !o->help) code = check_cohort(o, err);
    if (!o->model) o->model = o->n_reads || o->sample_map ? "reads" : "reference";
    free(words);
    return code;
}

void options_free(plugin_options *o) {
    free(o->reads);
}
