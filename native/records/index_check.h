/* index_check.h: an index is looked at before htslib sees it, which believes what it says. */
#ifndef CNNSCORE_INDEX_CHECK_H
#define CNNSCORE_INDEX_CHECK_H

#include <htslib/bgzf.h>
#include <htslib/vcf.h>
#include <stddef.h>
#include <stdint.h>

#include "fail.h"
#include "index_find.h"

/* Check the index (TBI, CSI, BAI or CRAI) of the file `name` before htslib loads it: that its structure is
 * whole, that its offsets lie in the file, that bins name each place once and stand in the order of the file,
 * that no record of calls follows those it knows. Errors: CNNSCORE_ERR_INPUT that names the index and how to
 * make it anew. */
int cnnscore_index_check(const char *name, const char *index, cnnscore_indexed what, cnnscore_error *err);

/* What an index tells of a contig that has records. */
typedef struct {
    int32_t number;      /* in the index */
    uint64_t begin, end; /* of its records, as virtual offsets */
    int64_t records;     /* -1: they are not counted */
    int64_t reach;       /* bases: each bin with records begins within */
    int64_t bound;       /* bases: each bin with records ends within, and so all records do */
    size_t name_at;      /* its name, in `names` */
} cnnscore_indexed_contig;

typedef struct {
    cnnscore_indexed_contig *items;
    size_t n, room;
    char *names; /* of a VCF's contigs, each ended by a zero; NULL: a BCF's have numbers of its header */
    size_t names_size;
} cnnscore_indexed_contigs;

/* The same check, of the index of calls; `contigs`, empty before, takes those that have records, in the order
 * of the file. */
int cnnscore_index_contigs(const char *name, const char *index, cnnscore_indexed_contigs *contigs,
                           cnnscore_error *err);
void cnnscore_indexed_contigs_free(cnnscore_indexed_contigs *contigs);

/* The look itself: files that this process had it at already are not spared. `contigs` stand in the order of
 * the index; NULL: they are not wanted. */
int cnnscore_index_look(const char *data, const char *index, cnnscore_indexed what,
                        cnnscore_indexed_contigs *contigs, cnnscore_error *err);

/* What is wrong with the CRAI of the CRAM `reads` of `size` bytes; NULL: nothing. Where the size is not known
 * (0), or the reads are remote, only the index itself is looked at. */
const char *cnnscore_slices_check(BGZF *index, const char *reads, int64_t size);
#define CNNSCORE_OUTSIDE "points past the end of its file, which is truncated or damaged then"

#endif
