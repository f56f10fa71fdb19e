/* reads.h: one coordinate-ordered stream of the reads of several BAM/CRAM files. */
#ifndef CNNSCORE_READS_H
#define CNNSCORE_READS_H

#include <htslib/sam.h>
#include <stdbool.h>

#include "fail.h"
#include "merge.h"
#include "read_groups.h"
#include "reference.h"
#include "window.h"

typedef struct {
    char *path;
    char *note; /* that its index is old, or NULL */
    samFile *file;
    sam_hdr_t *header;
    hts_idx_t *index;
    hts_itr_t *query;
    bam1_t *head; /* next record of the query, NULL at its end */
    int64_t head_end;
    bool is_cram;
    cnnscore_names groups; /* read groups of the wanted sample */
} cnnscore_reads_file;

typedef struct {
    cnnscore_reads_file *files;
    int32_t n_files;
    cnnscore_merge merge; /* of the files' heads */
    int32_t rule;
    bool by_sample;
    cnnscore_names samples; /* SM of the read groups of all files, sorted */
    char *named;            /* the files, in messages */
    char *samples_named;    /* the samples */
    bam1_t **spare;         /* records to read into, so that none is allocated per read */
    size_t n_spare, spare_capacity;
    cnnscore_reader_counts counts;
    const char *contig; /* of the running query, for messages */
} cnnscore_reads;

int cnnscore_reads_open(cnnscore_reads *reads, const cnnscore_reader_options *options, cnnscore_error *err);
/* INPUT where two files begin with the same read: each of their reads would count twice. */
int cnnscore_reads_check_apart(const cnnscore_reads *reads, cnnscore_error *err);
void cnnscore_reads_close(cnnscore_reads *reads);
/* What a user should know of the file `i`; NULL: nothing. */
const char *cnnscore_reads_note(const cnnscore_reads *reads, int32_t i);

/* Contigs that a file shares with the reference have its lengths, and there is one; or an error that names
 * file and contig. */
int cnnscore_reads_check_contigs(const cnnscore_reads *reads, const cnnscore_reference *reference,
                                 cnnscore_error *err);
/* Every file has the contig with this length, or an error that names file and contig. */
int cnnscore_reads_check_contig(const cnnscore_reads *reads, const char *contig, int64_t length, int64_t pos,
                                cnnscore_error *err);

/* htsjdk's coordinate order, ties broken by the bytes: 0 only for equal records. */
int cnnscore_reads_compare(const bam1_t *a, const bam1_t *b);
/* Start a query over [begin, end) of a contig. */
int cnnscore_reads_query(cnnscore_reads *reads, const char *contig, int64_t begin, int64_t end,
                         cnnscore_error *err);
/* Position of the next record, INT64_MAX at the end. */
int64_t cnnscore_reads_next_pos(const cnnscore_reads *reads);
typedef struct {
    bam1_t *read; /* NULL when it ends at or before the position asked for; else give it back when done */
    int64_t end;
    int32_t file;
    bool counts; /* by the rule */
} cnnscore_taken_read;
/* Take it. Those that do not count are handed out too: GATK leaves them out after it merged the files. */
int cnnscore_reads_take(cnnscore_reads *reads, int64_t pos, cnnscore_taken_read *taken, cnnscore_error *err);
void cnnscore_reads_give_back(cnnscore_reads *reads, bam1_t *read);
/* INPUT where the CIGAR of a read of file number `file` has another operator than M, I, D, N, S, H, P, = and
 * X: htsjdk, and GATK with it, knows no other; B stands in the BAM format alone. */
int cnnscore_reads_check_cigar(const cnnscore_reads *reads, int32_t file, const bam1_t *read,
                               cnnscore_error *err);
#endif
