/* batch_view.c: checked access to one site of a window batch. */
#include "batch_view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Far beyond any chromosome (BAM ends at 2^31), far below where sums overflow. */
#define POS_MAX ((int64_t)1 << 40)

/* Longest contig name worth repeating in a message. */
#define NAME_MAX_SHOWN 80

static void copy_contig_name(const cnnscore_window_batch *batch, int64_t site, char *name) {
    strcpy(name, "?");
    if (!batch->contig || !batch->contig_offset || !batch->contig_names) return;
    int32_t contig = batch->contig[site];
    if (contig < 0 || contig >= batch->n_contigs) return;
    int64_t begin = batch->contig_offset[contig], end = batch->contig_offset[contig + 1];
    if (begin < 0 || end <= begin || end > batch->contig_offset[batch->n_contigs]) return;
    int64_t length = end - begin < NAME_MAX_SHOWN ? end - begin : NAME_MAX_SHOWN;
    for (int64_t i = 0; i < length; i++) {
        char c = batch->contig_names[begin + i];
        name[i] = c;
        if (c < '!' || c > '~') /* what SAM allows in a name, so the message stays ASCII */
            name[i] = '?';
    }
    name[length] = 0;
}

int cnnscore_site_fail(const cnnscore_window_batch *batch, int64_t site, cnnscore_error *err,
                       const char *format, ...) {
    if (err) {
        char name[NAME_MAX_SHOWN + 1], what[512];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(what, sizeof what, format, args);
        va_end(args);
        copy_contig_name(batch, site, name);
        /* Unsigned, as the position may be the very thing that is wrong. */
        int64_t shown = (int64_t)((uint64_t)batch->pos[site] + 1);
        cnnscore_fail(err, CNNSCORE_ERR_BATCH, "window batch: site %lld (%s:%lld): %s", (long long)site, name,
                      (long long)shown, what);
    }
    return CNNSCORE_ERR_BATCH;
}

/* Whether [column[i], column[i+1]) lies within [0, limit). */
static bool range_ok(const int64_t *column, int64_t i, int64_t limit) {
    return column[i] >= 0 && column[i] <= column[i + 1] && column[i + 1] <= limit;
}

int cnnscore_batch_open(const cnnscore_window_batch *batch, int what, cnnscore_error *err) {
    if (!batch) return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "window batch: it is missing");
    if (batch->struct_size < sizeof *batch)
        return cnnscore_fail(err, CNNSCORE_ERR_BATCH,
                             "window batch: made for another version of cnnscore.h (%lu bytes, "
                             "not %lu): rebuild both sides",
                             (unsigned long)batch->struct_size, (unsigned long)sizeof *batch);
    if (batch->n_sites < 0 || batch->n_annotations < 0 || batch->n_contigs < 0)
        return cnnscore_fail(err, CNNSCORE_ERR_BATCH, "window batch: a count is negative");
    if (batch->reference_left < 0 || batch->reference_left > batch->reference_width)
        return cnnscore_fail(err, CNNSCORE_ERR_BATCH,
                             "window batch: POS stands at column %ld of %ld reference columns",
                             (long)batch->reference_left, (long)batch->reference_width);
    if (batch->n_sites == 0) return CNNSCORE_OK;

    if (!batch->pos || !batch->site_allele || !batch->allele_offset)
        return cnnscore_fail(err, CNNSCORE_ERR_BATCH, "window batch: positions or alleles are missing");
    int64_t n_alleles = batch->site_allele[batch->n_sites];
    if (n_alleles < 0 || batch->allele_offset[n_alleles] < 0 ||
        (batch->allele_offset[n_alleles] > 0 && !batch->alleles))
        return cnnscore_fail(err, CNNSCORE_ERR_BATCH, "window batch: the alleles are missing");
    if (batch->reference_width > 0 && !batch->reference)
        return cnnscore_fail(err, CNNSCORE_ERR_BATCH, "window batch: the reference is missing");
    if (what == CNNSCORE_VIEW_READS) {
        if (!batch->site_read || !batch->read_offset)
            return cnnscore_fail(err, CNNSCORE_ERR_BATCH, "window batch: the reads are missing");
        int64_t n_reads = batch->site_read[batch->n_sites];
        if (n_reads < 0 || batch->read_offset[n_reads] < 0 ||
            (batch->read_offset[n_reads] > 0 && !batch->reads))
            return cnnscore_fail(err, CNNSCORE_ERR_BATCH, "window batch: the reads are missing");
    }
    return CNNSCORE_OK;
}

int cnnscore_site_open(const cnnscore_window_batch *batch, int64_t index, int what, cnnscore_site *site,
                       cnnscore_error *err) {
    site->index = index;
    site->pos = batch->pos[index];
    site->first_read = 0;
    site->n_reads = 0;
    /* -1 is VCF's POS 0, the telomere. */
    if (site->pos < -1 || site->pos > POS_MAX)
        return cnnscore_site_fail(batch, index, err, "its position is out of range");

    int64_t n_alleles = batch->site_allele[batch->n_sites];
    if (!range_ok(batch->site_allele, index, n_alleles) ||
        batch->site_allele[index] == batch->site_allele[index + 1])
        return cnnscore_site_fail(batch, index, err, "its alleles are out of range");
    int64_t ref = batch->site_allele[index], end = batch->site_allele[index + 1];
    int64_t n_bytes = batch->allele_offset[n_alleles];
    site->is_snp = end - ref > 1;
    for (int64_t a = ref; a < end; a++) {
        if (!range_ok(batch->allele_offset, a, n_bytes))
            return cnnscore_site_fail(batch, index, err, "the text of allele %lld is out of range",
                                      (long long)(a - ref));
        int64_t length = batch->allele_offset[a + 1] - batch->allele_offset[a];
        if (length != 1)
            site->is_snp = false;
        else if (a > ref && !memchr("ACGTN*", batch->alleles[batch->allele_offset[a]], 6))
            site->is_snp = false;
    }
    site->ref_length = batch->allele_offset[ref + 1] - batch->allele_offset[ref];
    if (site->ref_length == 0) return cnnscore_site_fail(batch, index, err, "its REF allele is empty");
    if (site->ref_length > POS_MAX)
        return cnnscore_site_fail(batch, index, err, "its REF allele is too long");

    if (what == CNNSCORE_VIEW_READS) {
        if (!range_ok(batch->site_read, index, batch->site_read[batch->n_sites]))
            return cnnscore_site_fail(batch, index, err, "its reads are out of range");
        site->first_read = batch->site_read[index];
        site->n_reads = batch->site_read[index + 1] - site->first_read;
    }
    return CNNSCORE_OK;
}

int cnnscore_site_read(const cnnscore_window_batch *batch, const cnnscore_site *site, int64_t i,
                       cnnscore_bam_record *record, cnnscore_error *err) {
    int64_t read = site->first_read + i;
    int64_t n_bytes = batch->read_offset[batch->site_read[batch->n_sites]];
    if (!range_ok(batch->read_offset, read, n_bytes))
        return cnnscore_site_fail(batch, site->index, err, "the bytes of read %lld are out of range",
                                  (long long)i);
    int64_t begin = batch->read_offset[read], end = batch->read_offset[read + 1];
    const uint8_t *bytes = end > begin ? batch->reads + begin : NULL; /* reads may be NULL too */
    const char *problem = cnnscore_bam_record_read(record, bytes, end - begin);
    if (problem)
        return cnnscore_site_fail(batch, site->index, err, "read %lld is no BAM record: %s", (long long)i,
                                  problem);
    return CNNSCORE_OK;
}

int cnnscore_request_check(const cnnscore_window_batch *batch, const int64_t *order, int64_t n,
                           int32_t window, int32_t right, cnnscore_error *err) {
    if (n < 0 || (n > 0 && !order)) return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "encode: no list of sites");
    if (window < 1)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "encode: a window of %ld columns", (long)window);
    for (int64_t i = 0; i < n; i++)
        if (order[i] < 0 || order[i] >= batch->n_sites)
            return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                                 "encode: site %lld was asked for, the batch has %ld", (long long)order[i],
                                 (long)batch->n_sites);
    int32_t has_left = batch->reference_left, has_right = batch->reference_width - batch->reference_left;
    if (n > 0 && (has_left < window / 2 || has_right < right))
        return cnnscore_fail(err, CNNSCORE_ERR_BATCH,
                             "window batch: %ld reference columns before POS and %ld from it on, "
                             "a window of %ld needs %ld and %ld",
                             (long)has_left, (long)has_right, (long)window, (long)(window / 2), (long)right);
    return CNNSCORE_OK;
}
