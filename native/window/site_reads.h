/* site_reads.h: the reads over sites, chosen and appended to a window batch.
 *
 * Sites may come in any order; neighbours share one region query. Which reads a site gets, and in what
 * order, depends on the site alone: never on where the query began. */
#ifndef CNNSCORE_SITE_READS_H
#define CNNSCORE_SITE_READS_H

#include "buffers.h"
#include "cut.h"
#include "reads.h"
#include "sampling.h"

typedef struct cnnscore_pooled_read cnnscore_pooled_read;
typedef struct cnnscore_hashed_read cnnscore_hashed_read;

typedef struct {
    cnnscore_reads reads;
    int32_t read_limit, downsampling;
    cnnscore_random gatk_random;
    const char *contig; /* borrowed from the caller */
    int64_t contig_length;
    /* The running query, which goes on from batch to batch. Sites at or past `query_pos` that end by
     * `query_end` can go on with it (query_end 0: there is none); `query_seen` is the furthest end of
     * a site so far. The pool holds its reads that later sites may need, each file's in its own order. */
    int64_t query_pos, query_seen, query_end;
    cnnscore_pooled_read *pool;
    size_t n_pool, pool_capacity;
    cnnscore_merge merge;         /* of the pooled reads of one site */
    size_t *at;                   /* [n_files] index into the pool of each file's next read there */
    cnnscore_pooled_read *chosen; /* the reservoir, read_limit wide */
    cnnscore_cutter cutter;
    cnnscore_hashed_read *hashed;
    size_t hashed_capacity;
} cnnscore_site_reads;

int cnnscore_site_reads_open(cnnscore_site_reads *self, const cnnscore_reader_options *options,
                             cnnscore_error *err);
void cnnscore_site_reads_close(cnnscore_site_reads *self);
/* The contig of the sites that follow; `contig` is borrowed until the next call. Ends the running query. */
void cnnscore_site_reads_enter(cnnscore_site_reads *self, const char *contig, int64_t contig_length);
void cnnscore_site_reads_end_query(cnnscore_site_reads *self);
/* Append up to read_limit of the reads over a site to the windows; how many there were is its depth. After an
 * error the running query is to be ended. */
int cnnscore_site_reads_append(cnnscore_site_reads *self, const cnnscore_wanted_site *site,
                               cnnscore_windows *windows, cnnscore_error *err);

#endif
