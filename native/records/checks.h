/* checks.h: what every door checks of calls, reads and options, in the same words: the command, the viewer,
 * `cnnscore dataset` and the bcftools plugin. The GATK walker is a second reading of it in Java. Vectors:
 * tests/golden/twins.json. */
#ifndef CNNSCORE_CHECKS_H
#define CNNSCORE_CHECKS_H

#include <stdbool.h>

#include "records.h"
#include "window.h"

/* cdef begin */

/* USAGE where `key` cannot be an INFO key. */
int cnnscore_check_info_key(const char *key, cnnscore_error *err);
/* INPUT where the calls have INFO/key already and it is not to be replaced. */
int cnnscore_calls_check_key(const cnnscore_calls *calls, const char *key, int32_t overwrite,
                             cnnscore_error *err);
/* INPUT where there is no column of `sample`; where it is NULL and there are several columns, though one is
 * needed: reads are of one sample. */
int cnnscore_calls_check_sample(const cnnscore_calls *calls, const char *sample, int32_t needs_one,
                                cnnscore_error *err);
/* Whether scores stand for several samples, as none was named; the warning. */
int32_t cnnscore_calls_warn_of_samples(const cnnscore_calls *calls, const char *sample,
                                       cnnscore_error *warning);
/* Whether the reads may be of somebody else, as no `sample` was named: their read groups (SM) are of several
 * samples, or none is of the calls' one sample; the warning. Nothing is said of reads without a read group
 * and of calls without a sample column. */
int32_t cnnscore_warn_of_read_samples(const cnnscore_calls *calls, const cnnscore_reader *reader,
                                      const char *sample, cnnscore_error *warning);
/* INPUT where at least `enough` reads were seen and none has a read group; `counts` are of all readers of the
 * same files. `model` is who drops such reads: a network's name, or other words. */
int cnnscore_check_read_groups(const cnnscore_reader *reader, const cnnscore_reader_counts *counts,
                               int64_t enough, const char *model, cnnscore_error *err);
/* INPUT where no read counts: at no site of `counts`, if there are as many as `enough`, and at no place of
 * the files, by cnnscore_reader_look. Where reads lie elsewhere, as of a region without any, it is no error.
 */
int cnnscore_check_reads(const cnnscore_reader *reader, const cnnscore_reader_counts *counts,
                         const cnnscore_reader_counts *looked, int64_t enough, const char *model,
                         cnnscore_error *err);
/* What to say at the end of reads that did not count, the `i`th warning, from 0 on; 0 past the last: no read
 * counts at most sites, and why; most reads lack a read group, or qualities. */
int32_t cnnscore_warn_of_reads(const cnnscore_reader *reader, const cnnscore_reader_counts *counts, int32_t i,
                               cnnscore_error *warning);
/* INPUT where the network has no finite score for any of the sites that it must have one for; `counts` are of
 * all readers, `scored` are sites with a score, `encoding` is the network's: of ours they score alleles. */
int cnnscore_check_scores(const cnnscore_reader_counts *counts, int64_t scored, const char *encoding,
                          const char *model, cnnscore_error *err);
/* Whether it has none for some of them; the warning. */
int32_t cnnscore_warn_of_scores(const cnnscore_reader_counts *counts, int64_t scored, const char *encoding,
                                const char *model, cnnscore_error *warning);
/* Whether a network of this read rule and these annotations looks at the sample's depth. */
int32_t cnnscore_uses_depth(int32_t read_rule, const char *const *annotations, int32_t n_annotations);
/* Whether scores may hang on the read file's being a slice: no depth was given, and it is not known, or
 * measured where less than half of the contigs' parts have reads; the warning. */
int32_t cnnscore_warn_of_depth(const cnnscore_reader *reader, float depth, cnnscore_error *warning);
/* When no read counts at this many sites, look whether any will: fail then, not at the end. */
#define CNNSCORE_SITES_WITHOUT_READS 10000
/* When this many reads were seen and none has a read group, none will: fail then, not at the end. */
#define CNNSCORE_READS_WITHOUT_GROUP 100000

/* Whether a file is BED, not FASTA: by its name, or by three columns of which two are numbers. */
int32_t cnnscore_is_bed(const char *path);

/* What the header says of scores. */
typedef struct {
    uint32_t struct_size;
    const char *key;         /* INFO key */
    const char *description; /* of the INFO line */
    int32_t per_allele;      /* one score per ALT allele */
    const char *model;       /* name of the network */
    const char *network;     /* SHA-256 of its file, hex */
    const char *cutoffs;     /* its own, as network/cutoffs.py writes them, with those of sites; or "" */
    const char *version;     /* of cnnscore */
    const char *precision;   /* what the network computed in: "exact", "bf16" */
} cnnscore_score_lines;
/* Add the line ##cnnscore_sample_depth: which one scores under `key` were made with; NaN: unknown. */
int cnnscore_calls_add_depth(cnnscore_calls *calls, const char *key, float depth, int32_t given,
                             cnnscore_error *err);
/* Add the INFO line and the ##cnnscore_model line, which `cnnscore filter` reads. */
int cnnscore_calls_add_score(cnnscore_calls *calls, const cnnscore_score_lines *lines, cnnscore_error *err);

/* cdef end */

/* Add the ##cnnscore_model line of a key: the network of `lines`, and its cut-offs, of a cohort's sites or of
 * all other scores. */
int cnnscore_calls_add_model(cnnscore_calls *calls, const char *key, const cnnscore_score_lines *lines,
                             bool of_sites, cnnscore_error *err);
/* Whether a network has one of GATK's encodings, which score records; ours score alleles. */
bool cnnscore_is_gatks(const char *encoding);
#endif
