/* batch_check.c: the whole of a window batch that came from outside, before anyone uses it. */
#include "batch_view.h"

static int check_contigs(const cnnscore_window_batch *batch, cnnscore_error *err) {
    if (batch->n_contigs == 0) return CNNSCORE_OK;
    if (!batch->contig_offset || !batch->contig_length ||
        (!batch->contig_names && batch->contig_offset[batch->n_contigs] != 0))
        return cnnscore_fail(err, CNNSCORE_ERR_BATCH, "window batch: contig names or lengths are missing");
    if (batch->contig_offset[0] < 0)
        return cnnscore_fail(err, CNNSCORE_ERR_BATCH, "window batch: the name of contig 0 is out of range");
    for (int32_t i = 0; i < batch->n_contigs; i++) {
        if (batch->contig_offset[i] > batch->contig_offset[i + 1])
            return cnnscore_fail(err, CNNSCORE_ERR_BATCH,
                                 "window batch: the name of contig %ld is out of range", (long)i);
        if (batch->contig_length[i] < 0)
            return cnnscore_fail(err, CNNSCORE_ERR_BATCH,
                                 "window batch: the length of contig %ld is negative", (long)i);
    }
    return CNNSCORE_OK;
}

int cnnscore_batch_check(const cnnscore_window_batch *batch, cnnscore_error *err) {
    int rc = cnnscore_batch_open(batch, CNNSCORE_VIEW_READS, err);
    if (rc == CNNSCORE_OK) rc = check_contigs(batch, err);
    if (rc != CNNSCORE_OK || batch->n_sites == 0) return rc;
    if (!batch->contig || !batch->end || !batch->kind)
        return cnnscore_fail(err, CNNSCORE_ERR_BATCH, "window batch: contigs, ends or kinds are missing");
    if (batch->n_annotations > 0 && !batch->annotations)
        return cnnscore_fail(err, CNNSCORE_ERR_BATCH, "window batch: annotations are missing");

    for (int64_t i = 0; i < batch->n_sites; i++) {
        cnnscore_site site;
        if (batch->contig[i] < 0 || batch->contig[i] >= batch->n_contigs)
            return cnnscore_site_fail(batch, i, err, "its contig is number %ld of %ld",
                                      (long)batch->contig[i], (long)batch->n_contigs);
        rc = cnnscore_site_open(batch, i, CNNSCORE_VIEW_READS, &site, err);
        if (rc != CNNSCORE_OK) return rc;
        if (batch->end[i] < site.pos) return cnnscore_site_fail(batch, i, err, "it ends before it starts");
        if (batch->kind[i] > CNNSCORE_KIND_OTHER)
            return cnnscore_site_fail(batch, i, err, "it is of unknown kind %d", (int)batch->kind[i]);
        for (int64_t read = 0; read < site.n_reads; read++) {
            cnnscore_bam_record record;
            rc = cnnscore_site_read(batch, &site, read, &record, err);
            if (rc != CNNSCORE_OK) return rc;
        }
    }
    return CNNSCORE_OK;
}

int cnnscore_batch_has_parts(const cnnscore_window_batch *batch, int32_t *any, cnnscore_error *err) {
    *any = 0;
    int rc = cnnscore_batch_open(batch, CNNSCORE_VIEW_READS, err);
    for (int64_t i = 0; rc == CNNSCORE_OK && i < batch->n_sites; i++) {
        cnnscore_site site;
        rc = cnnscore_site_open(batch, i, CNNSCORE_VIEW_READS, &site, err);
        for (int64_t read = 0; rc == CNNSCORE_OK && !*any && read < site.n_reads; read++) {
            cnnscore_bam_record record;
            rc = cnnscore_site_read(batch, &site, read, &record, err);
            *any |= rc == CNNSCORE_OK && record.is_part;
        }
    }
    return rc;
}
