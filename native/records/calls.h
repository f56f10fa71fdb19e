/* calls.h: what reading (calls.c), columns (columns.c, fields.c) and writing (writer.c) share. */
#ifndef CNNSCORE_CALLS_H
#define CNNSCORE_CALLS_H

#include <htslib/bgzf.h>
#include <htslib/kstring.h>
#include <htslib/synced_bcf_reader.h>
#include <htslib/vcf.h>
#include <stdbool.h>
#include <stddef.h>

#include "annotations.h"
#include "fail.h"
#include "index_check.h"
#include "intervals.h"
#include "records.h"

struct cnnscore_calls {
    bcf_srs_t *source;
    bcf_hdr_t *header;           /* borrowed from source; shared with every writer, so that a tag that htslib
                                    adds while parsing an undeclared one has one number on both sides */
    uint64_t number;             /* of all that were opened in this process: an address may come twice */
    char *path;                  /* what messages call it */
    char *given;                 /* the same, "-" for standard input */
    char *note;                  /* of its intervals, for the user; or NULL */
    const char *within;          /* what was asked for: "regions", "targets", or NULL */
    cnnscore_intervals *regions; /* or NULL */
    cnnscore_indexed_contigs contigs; /* where there are regions */
    int32_t regions_overlap;
    char **annotation;  /* [n_annotations] INFO keys, or QUAL */
    int *annotation_id; /* their numbers in the header, -1 while undeclared, ANNOTATION_QUAL */
    int32_t n_annotations;
    cnnscore_annotation_counts *annotation_counts; /* [n_annotations] */
    int end_id;                                    /* INFO/END */
    int known_ids; /* header dictionary size that the numbers above were looked up in */
    bool is_bgzf, must_be_sorted, at_end;
    int64_t size; /* bytes of the file, 0 = not known */
    int32_t last_contig;
    int64_t last_pos;
    int max_unpack;                            /* how much of a VCF line is parsed, 0 = all */
    bool (*takes)(void *data, bcf1_t *record); /* which records are handed out; NULL: all */
    void *takes_data;
    const char *takes_option, *takes_text; /* as the user gave them; borrowed */
    bool any_taken;
    kstring_t header_text;
    bool *contig_left; /* [n_contig_left] contigs whose records lie behind */
    size_t n_contig_left;
};

struct cnnscore_records {
    cnnscore_window_batch sites;
    bcf1_t **record;
    int32_t n, capacity;
    const cnnscore_calls *calls;
    uint64_t calls_number; /* whose contig columns these are */
    int32_t *contig;
    int64_t *pos, *end, *site_allele, *allele_offset;
    uint8_t *kind;
    char *alleles;
    float *annotations, *qual;
    size_t site_capacity, allele_capacity, allele_bytes_capacity, annotation_capacity;
    /* Contig columns: each batch has its own, as a header without contig lines gains them while
     * other batches are in flight. Rebuilt only then. */
    int32_t n_contigs;
    int64_t *contig_length, *contig_offset;
    char *contig_names;
};

/* Room for `limit` records; -1 when there is none. */
int cnnscore_records_grow(cnnscore_records *records, int32_t limit);

/* Before the first read: hand out those records alone for which `takes` is true. `option` and `expression`
 * are what the user gave, for the note of a file of which none is left; borrowed. */
void cnnscore_calls_choose(cnnscore_calls *calls, bool (*takes)(void *data, bcf1_t *record), void *data,
                           const char *option, const char *expression);

/* Fill the columns from records[0..n). */
int cnnscore_records_columns(cnnscore_calls *calls, cnnscore_records *records, cnnscore_error *err);

/* Value `i` of a packed vector of a BCF type; NaN when missing, beyond its end, or text that is no
 * number. */
double cnnscore_number_at(const uint8_t *at, int type, int length, int i);

/* Take a line of this kind ("INFO") and ID out of the header, which must be synced then. */
void cnnscore_calls_remove_header(cnnscore_calls *calls, const char *kind, const char *id);

/* Whether a compressed file turned out damaged: htslib notes it, hands out half a line and reads on. */
bool cnnscore_is_damaged(htsFile *file);
/* The name by which a call file is read from its begin: another, beside which no index lies, where its own is
 * not to be believed (`*has_index`); good until `*fd` (-1: none) is closed. To be freed; NULL: out of memory.
 */
char *cnnscore_name_to_stream(const char *path, bool *has_index, int *fd);
/* The same, opened. */
htsFile *cnnscore_open_to_stream(const char *path, bool *has_index);
/* Whether a BGZF file ends with its marker; true where that cannot be known. By a handle of its own: htslib's
 * threads do not answer once their reading has failed. */
bool cnnscore_has_end_marker(const char *path);

/* A score as it is written. */
float cnnscore_printed_score(float score);
/* Write one record as it stands. */
int cnnscore_writer_put(cnnscore_writer *writer, bcf1_t *record, cnnscore_error *err);
/* Where its blocks go, what they hold, and its name; NULL: it is not compressed. */
BGZF *cnnscore_writer_blocks(const cnnscore_writer *writer, bool *is_bcf, const char **name);
const cnnscore_calls *cnnscore_writer_calls(const cnnscore_writer *writer);

#endif
