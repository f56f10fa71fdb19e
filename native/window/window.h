/* window.h: columns of sites -> window batch (the reference around each site, the reads over it).
 *
 * C11 over htslib, no Python. A reader owns one set of file handles and is used by one thread at
 * a time; a pool is one reader a thread. All readers of the same files give the same windows.
 */
#ifndef CNNSCORE_WINDOW_H
#define CNNSCORE_WINDOW_H

#include "cnnscore.h"

/* cdef begin */

/* How a site with more than read_limit reads is sampled: a reservoir whose random state is
 * seeded by contig and position, or GATK's, whose state runs on from site to site. */
#define CNNSCORE_DOWNSAMPLE_SITE 0
#define CNNSCORE_DOWNSAMPLE_GATK 1

typedef struct {
    uint32_t struct_size;
    const char *reference;    /* NULL: no windows are read; FASTA with .fai (and .gzi when bgzipped); this and
                                 reads: as htslib names files */
    const char *const *reads; /* BAM or CRAM paths, each indexed */
    int32_t n_reads;
    const char *sample;      /* keep only reads whose read group has this SM; NULL keeps all */
    int32_t read_rule;       /* CNNSCORE_READS_* */
    int32_t read_limit;      /* most reads per site */
    int32_t downsampling;    /* CNNSCORE_DOWNSAMPLE_* */
    int32_t reference_left;  /* columns of reference before POS */
    int32_t reference_width; /* columns of reference in all */
    int32_t is_another;      /* a reader of the same files is open: their indexes are checked */
    int32_t whole_reads;     /* long reads are not cut to what an encoding can see of them */
} cnnscore_reader_options;

/* Bases of the shortest reads that a network was tested on. */
#define CNNSCORE_SHORTEST_READ 35

/* What a reader has met so far. A read that does not count is one of one kind, the first that fits. */
typedef struct {
    int64_t reads;         /* distinct records over sites, before the rule is applied */
    int64_t unmapped;      /* of these did not count: unmapped, */
    int64_t secondary;     /* secondary or supplementary, */
    int64_t duplicate;     /* marked as duplicates, */
    int64_t qc_fail;       /* marked as failing quality checks, */
    int64_t no_read_group; /* without an RG tag, */
    int64_t artificial;    /* HaplotypeCaller's artificial haplotypes, */
    int64_t other_sample;  /* of another sample than `sample`, */
    int64_t no_qualities;  /* without bases, qualities or CIGAR */
    int64_t too_short;     /* count, and have fewer than CNNSCORE_SHORTEST_READ bases */
    int64_t sites;         /* that reads were asked for */
    int64_t sites_sampled; /* of these had more than read_limit reads */
    int64_t sites_empty;   /* of these are left without a read */
    int64_t records;       /* sites that a network must have an answer for: they lie on their contig, and no
                              annotation is infinite, */
    int64_t with_allele;   /* of these have an ALT allele that is a sequence */
} cnnscore_reader_counts;

typedef struct cnnscore_reader cnnscore_reader;
typedef struct cnnscore_windows cnnscore_windows;

/* Open reference and reads; indexes are checked here, contigs when a site needs them. INPUT where no read
 * group of the files has `sample` as its SM: no read would count. */
int cnnscore_reader_open(const cnnscore_reader_options *options, cnnscore_reader **reader,
                         cnnscore_error *err);
void cnnscore_reader_close(cnnscore_reader *reader);
/* Before a site is read: INPUT where a contig of the read files has another length than in the reference, or
 * a file has none of its contigs. */
int cnnscore_reader_check_contigs(const cnnscore_reader *reader, cnnscore_error *err);
/* What a user should know of the reads file `i`, its index being older than it; NULL: nothing. */
const char *cnnscore_reader_note(const cnnscore_reader *reader, int32_t i);
/* Name of the reference's contig `i`; NULL past the last. */
const char *cnnscore_reader_contig(const cnnscore_reader *reader, int32_t i);
void cnnscore_reader_count(const cnnscore_reader *reader, cnnscore_reader_counts *counts);
/* Add the counts of another reader of the same files. */
void cnnscore_reader_counts_add(cnnscore_reader_counts *sum, const cnnscore_reader_counts *part);
/* Reads that count. */
int64_t cnnscore_reads_that_count(const cnnscore_reader_counts *counts);
/* What messages call the read files, and the samples (SM) of their read groups; valid while it is open. */
const char *cnnscore_reader_files(const cnnscore_reader *reader);
const char *cnnscore_reader_samples(const cnnscore_reader *reader);
int32_t cnnscore_reader_n_samples(const cnnscore_reader *reader);
int32_t cnnscore_reader_has_sample(const cnnscore_reader *reader, const char *sample);

/* Look whether any read of the files counts, wherever it lies: a property of theirs, whatever sites are read.
 * Looks at the first reads of some hundred places until one does. `looked` has the reads that it saw, and why
 * they do not count: sites_empty is 0 where one counts, else 1. */
int cnnscore_reader_look(cnnscore_reader *reader, cnnscore_reader_counts *looked, cnnscore_error *err);
/* How many reads usually count at a locus that has any, of the files as a whole: a property of theirs,
 * whatever sites are read. Looks at some hundred loci; NaN of rules other than READS_PRIMARY, and where
 * there are too few reads to tell. The rule in words: docs/reference/encodings.md. */
int cnnscore_reader_measure_depth(cnnscore_reader *reader, float *depth, cnnscore_error *err);
/* When it was measured: the parts that the contigs of the files were cut into, and how many have reads. Few
 * of a genome's have any where the file is a slice of a larger one. 0 before. */
void cnnscore_reader_coverage(const cnnscore_reader *reader, int32_t *parts, int32_t *covered);
/* What the batches of this reader say of it from now on; NaN, as at first: nothing. */
void cnnscore_reader_set_depth(cnnscore_reader *reader, float depth);
/* How many sites of this reader make a job: `most`, or fewer where it is set to be deep, as a panel is: its
 * few sites are much work, and more than one thread is to have some. */
int32_t cnnscore_reader_job_sites(const cnnscore_reader *reader, int32_t most);

/* Buffers for the reference and read columns of one batch; grow as needed, reused by reading
 * again. The batch borrows the site columns of the `sites` it was read for. */
cnnscore_windows *cnnscore_windows_new(void);
void cnnscore_windows_free(cnnscore_windows *windows);
const cnnscore_window_batch *cnnscore_windows_batch(const cnnscore_windows *windows);

/* A good size of a batch's reads: enough of them to fill network calls, and little beside a network. */
#define CNNSCORE_BATCH_BYTES 8388608

/* Fill `windows` for the site columns of `sites` (its reference and read columns are ignored) from site
 * number `first` on: all of them, or those up to the one whose reads bring the batch to `most_bytes`.
 * The batch says how many there are; of any sites, one at least.
 * Sites may come in any order; sorted ones are fastest, as neighbours share one region query.
 * Errors: an unknown contig, another contig length, a position past the end, a REF allele that
 * differs from the reference, a truncated or undecodable reads file. */
int cnnscore_reader_read(cnnscore_reader *reader, const cnnscore_window_batch *sites, int32_t first,
                         int64_t most_bytes, cnnscore_windows *windows, cnnscore_error *err);

/* cdef end */
#endif
