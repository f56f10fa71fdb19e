/* same_reads.c: the same reads in two files, as in a BAM and the CRAM that was made of it. */
#include <stdlib.h>
#include <string.h>

#include "reads.h"

/* NULL where there is none, or none that can be decoded: that is said where it is needed. */
static bam1_t *first_read(const cnnscore_reads_file *file) {
    bam1_t *read = bam_init1();
    hts_itr_t *query = read ? sam_itr_queryi(file->index, HTS_IDX_START, 0, 0) : NULL;
    bool any = query && sam_itr_next(file->file, query, read) >= 0;
    hts_itr_destroy(query);
    if (any) return read;
    bam_destroy1(read);
    return NULL;
}

/* By all but tags, of which a CRAM may have others. */
static bool is_same(const bam1_t *a, const bam1_t *b) {
    size_t bases = (size_t)a->core.l_qseq, operators = a->core.n_cigar;
    return a->core.tid == b->core.tid && cnnscore_reads_order(a, b) == 0 &&
           a->core.l_qseq == b->core.l_qseq && a->core.n_cigar == b->core.n_cigar &&
           memcmp(bam_get_cigar(a), bam_get_cigar(b), operators * sizeof(uint32_t)) == 0 &&
           memcmp(bam_get_seq(a), bam_get_seq(b), (bases + 1) / 2) == 0 &&
           memcmp(bam_get_qual(a), bam_get_qual(b), bases) == 0;
}

int cnnscore_reads_check_apart(const cnnscore_reads *reads, cnnscore_error *err) {
    if (reads->n_files < 2) return CNNSCORE_OK;
    int code = CNNSCORE_OK;
    bam1_t **first = calloc((size_t)reads->n_files, sizeof *first);
    if (!first) return cnnscore_fail_memory(err);
    for (int32_t i = 0; code == CNNSCORE_OK && i < reads->n_files; i++) {
        first[i] = first_read(&reads->files[i]);
        for (int32_t k = 0; first[i] && code == CNNSCORE_OK && k < i; k++)
            if (first[k] && is_same(first[k], first[i]))
                code = cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                                     "the reads %s and %s begin with the same read, %s: give each read once, "
                                     "as it would count twice",
                                     reads->files[k].path, reads->files[i].path, bam_get_qname(first[i]));
    }
    for (int32_t i = 0; i < reads->n_files; i++) bam_destroy1(first[i]);
    free(first);
    return code;
}
