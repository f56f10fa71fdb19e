/* options.h: the command line of the plugin. */
#ifndef CNNSCORE_PLUGIN_OPTIONS_H
#define CNNSCORE_PLUGIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cnnscore.h"

typedef struct {
    const char *calls;     /* "-" is standard input */
    const char *reference; /* FASTA */
    const char **reads;    /* [n_reads] BAM or CRAM */
    int32_t n_reads;
    const char *sample_map; /* table of a cohort's samples and their reads; NULL: not given */
    const char *model, *info_key, *provider; /* info_key NULL: the network's own */
    const char *annotations;                 /* "caller", "reads", "fill"; NULL: the network's own */
    const char *precision;                   /* "exact", "bf16" */
    int32_t batch_size;                      /* 0: the network's own */
    const char *sample;
    const char *include, *exclude; /* expressions of bcftools; NULL: not given */
    const char *regions, *targets;
    bool regions_file, targets_file;          /* regions, targets name a file */
    int32_t regions_overlap, targets_overlap; /* what must lie within: 0 POS, 1 the record, 2 its variation */
    const char *output;                       /* "-" is standard output */
    char mode[4];                             /* htslib's mode of the output: "w", "wz6", "wbu" */
    const char *index;                        /* "tbi", "csi" or NULL */
    int32_t threads;
    int32_t downsampling; /* CNNSCORE_DOWNSAMPLE_* */
    float sample_depth;   /* 0: measured */
    bool overwrite, record_command, per_allele, help;
    int verbose;
} plugin_options;

/* Parse argv[1..]; strings are borrowed from it. An own "--" is skipped wherever it stands, so that
 * `bcftools +cnnscore in.vcf -- -f ref.fa` works as with other plugins. Errors: USAGE. */
int options_parse(int argc, char **argv, plugin_options *options, cnnscore_error *err);
void options_free(plugin_options *options);

/* Turns arguments as libraries name them into options: "`per_allele=`" into "--per-allele",
   "`provider=cpu`" into "--provider cpu". What is no option of the plugin stays. */
void options_name_in(char *text);

#endif
