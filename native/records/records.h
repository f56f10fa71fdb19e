/* records.h: VCF/BCF in -> columns of sites; scores -> VCF/BCF out.
 *
 * C11 over htslib, no Python. One thread at a time for a call file and what hangs on it.
 */
#ifndef CNNSCORE_RECORDS_H
#define CNNSCORE_RECORDS_H

#include "cnnscore.h"

/* cdef begin */

typedef struct cnnscore_calls cnnscore_calls;       /* an open call file and its header */
typedef struct cnnscore_records cnnscore_records;   /* some of its records, with their columns */
typedef struct cnnscore_writer cnnscore_writer;     /* an output */
typedef struct cnnscore_resource cnnscore_resource; /* a file of known variants, beside the calls */

typedef struct {
    uint32_t struct_size;
    const char *path;     /* "-" is standard input */
    const char *regions;  /* as bcftools -r / -R: jump by index, records overlapping; or NULL */
    int32_t regions_file; /* regions names a file */
    const char *targets;  /* as bcftools -t / -T: stream, POS within; or NULL */
    int32_t targets_file;
    const char *const *annotations; /* INFO keys of the annotation columns, in order; QUAL is QUAL */
    int32_t n_annotations;
    int32_t must_be_sorted; /* fail on the first record out of coordinate order */
    int32_t threads;        /* extra decompression threads */
    const char *name;       /* what messages call the file; NULL: its path */
    const char *reference;  /* a FASTA whose contigs are known beside the calls', or NULL */
    /* as bcftools --regions-overlap, --targets-overlap: 0 POS, 1 the record, 2 its variation lies within */
    int32_t regions_overlap, targets_overlap;
    int32_t sites_only; /* FORMAT and samples are not looked at, and not parsed */
} cnnscore_calls_options;

int cnnscore_calls_open(const cnnscore_calls_options *options, cnnscore_calls **calls, cnnscore_error *err);
void cnnscore_calls_close(cnnscore_calls *calls);
int32_t cnnscore_calls_samples(const cnnscore_calls *calls);
/* Column of the sample, or -1. */
int32_t cnnscore_calls_sample(const cnnscore_calls *calls, const char *name);
int32_t cnnscore_calls_has_info(const cnnscore_calls *calls, const char *key);
/* What a user should know once the file is open: contigs of the intervals that the reference alone has; and
 * at its end: that it has no record, or none within the intervals. NULL: nothing. Valid until the next call.
 */
const char *cnnscore_calls_note(const cnnscore_calls *calls);
/* Part of the file that is read, 0-1; NaN where the input has no known size. */
double cnnscore_calls_progress(const cnnscore_calls *calls);

/* Name of the sample column `i`, the ID of the `i`th declared field of a line type (0 INFO, 1 FORMAT);
 * NULL past the last. */
const char *cnnscore_calls_sample_name(const cnnscore_calls *calls, int32_t i);
const char *cnnscore_calls_field_name(const cnnscore_calls *calls, int32_t format, int32_t i);

/* Add a header line ("##..."), replacing one of the same kind and ID. Before the first read. */
int cnnscore_calls_add_header(cnnscore_calls *calls, const char *line, cnnscore_error *err);
/* Take a line ("##...") out of the header, one of those that are the same. */
int cnnscore_calls_drop_header(cnnscore_calls *calls, const char *line, cnnscore_error *err);
/* Take all FILTER lines but PASS out of the header. */
int cnnscore_calls_clear_filters(cnnscore_calls *calls, cnnscore_error *err);
/* The header as text; valid until the next call. NULL: out of memory. */
const char *cnnscore_calls_header(cnnscore_calls *calls);

cnnscore_records *cnnscore_records_new(void);
void cnnscore_records_free(cnnscore_records *records);
/* The site columns; reference and read columns are NULL. */
const cnnscore_window_batch *cnnscore_records_sites(const cnnscore_records *records);

/* Read up to `limit` records (fewer when they are very large). Returns their number, 0 at the
 * end, or a negative code. */
int cnnscore_calls_read(cnnscore_calls *calls, cnnscore_records *records, int32_t limit, cnnscore_error *err);

/* In place of reading: fill `records` with the VCF lines of a text of `length` bytes, each with a newline at
 * its end. Returns their number, or a negative code. */
int cnnscore_calls_parse(cnnscore_calls *calls, cnnscore_records *records, const char *lines, int64_t length,
                         cnnscore_error *err);

/* Columns over the alleles of the records (site_allele of the site columns says which): a numeric
 * field as doubles, NaN = missing. `field` is 0 QUAL, 1 INFO, 2 FORMAT of the column `sample`; an A
 * vector has one value per ALT (its REF: NaN), an R vector one per allele, of others the first stands
 * for all alleles of the record. */
int cnnscore_records_numbers(const cnnscore_records *records, int32_t field, const char *key, int32_t sample,
                             double *values, cnnscore_error *err);
/* How often the genotype of the column `sample` holds each allele. -1 where GT is missing; where one of
 * its copies is (`./1`), -1 - n for an allele that n of the others are. */
int cnnscore_records_dosage(const cnnscore_records *records, int32_t sample, int8_t *dosage,
                            cnnscore_error *err);
/* 1 where FILTER holds something other than PASS or `.`. */
int cnnscore_records_filtered(const cnnscore_records *records, uint8_t *filtered);
/* The name at `index` in FILTER of a record, PASS too; NULL behind the last one. */
const char *cnnscore_records_filter_name(const cnnscore_records *records, int32_t record, int32_t index);

/* Open an output and write the header of `calls`. `mode` is htslib's: "w", "wz6", "wb", "wbu";
 * `name` is what messages call it, as an output is written aside and renamed when whole. */
int cnnscore_writer_open(cnnscore_calls *calls, const char *path, const char *name, const char *mode,
                         int32_t threads, cnnscore_writer **writer, cnnscore_error *err);
/* Write the records with INFO `key` = scores[i] at three decimals; a NaN score writes no key,
 * an empty `key` the records as they are. */
int cnnscore_writer_write(cnnscore_writer *writer, cnnscore_records *records, const char *key,
                          const float *scores, cnnscore_error *err);
/* The same with a score for each ALT allele, those of all records in one row: NaN is written as missing,
 * and no key where all are. */
int cnnscore_writer_write_alleles(cnnscore_writer *writer, cnnscore_records *records, const char *key,
                                  const float *scores, cnnscore_error *err);
/* Append the records of a call file with the same dictionary in its header, block by block, as they are: 1.
 * 0: one of the two is not compressed, or they are VCF and BCF, and nothing is written. */
int cnnscore_writer_copy(cnnscore_writer *writer, const char *path, cnnscore_error *err);
/* What filtering writes of N records. */
typedef struct {
    uint32_t struct_size;
    const char *const *names;    /* the declared FILTERs that `verdict` counts */
    const int32_t *verdict;      /* [N] index into names, -1: kept, -2: not judged, -3: FILTER stays */
    int32_t clear;               /* drop the filters that records come with */
    const char *verdict_key;     /* INFO key that takes the verdict in place of FILTER; or NULL */
    const char *sensitivity_key; /* INFO key of `sensitivity`; or NULL */
    const float *sensitivity;    /* [N] NaN: none */
} cnnscore_filtering;
/* Write the records with FILTER: the names that failed them, sorted, else PASS. */
int cnnscore_writer_filter(cnnscore_writer *writer, cnnscore_records *records,
                           const cnnscore_filtering *filtering, cnnscore_error *err);
/* Flush and close. On failure the output is not whole. */
int cnnscore_writer_close(cnnscore_writer *writer, cnnscore_error *err);
/* Index a finished output beside it; `name` is what messages call it. */
int cnnscore_index_build(const char *path, const char *index_path, int32_t csi, const char *name,
                         cnnscore_error *err);

/* Open a VCF or BCF of known variants, indexed or not. `ends_at_mismatch`: GATK's rule, to fail at the first
 * record whose REF is as long as the call's and another; else records whose REF is not the call's, as far as
 * both reach, are passed over. */
int cnnscore_resource_open(const char *path, int32_t ends_at_mismatch, cnnscore_resource **resource,
                           cnnscore_error *err);
void cnnscore_resource_close(cnnscore_resource *resource);
/* Set known[i] = 1 where wanted[i] and the resource has one of the record's ALT alleles at its
 * position. The records of all calls in turn, sorted. */
int cnnscore_resource_match(cnnscore_resource *resource, const cnnscore_records *records,
                            const uint8_t *wanted, uint8_t *known, cnnscore_error *err);
/* Positions that wanted records share with the resource. */
typedef struct {
    int64_t shared;
    int64_t mismatching;   /* those at which a record was passed over, */
    int64_t contradicting; /* and those where no record has the call's REF and one has other bases */
} cnnscore_resource_counts;
/* The counts so far; the first mismatch as text, "" where there is none. */
const char *cnnscore_resource_count(const cnnscore_resource *resource, cnnscore_resource_counts *counts);
int32_t cnnscore_resource_has_contig(cnnscore_resource *resource, const char *name);

/* 0: htslib says nothing on stderr; 3: all but debug. */
void cnnscore_htslib_verbosity(int32_t level);
const char *cnnscore_htslib_version(void);
/* htslib's own words for how it was built, as `libdeflate=yes S3=no`. */
const char *cnnscore_htslib_features(void);
/* Whose it is: the system's, pysam's, built in. */
const char *cnnscore_htslib_source(void);

/* cdef end */
#endif
