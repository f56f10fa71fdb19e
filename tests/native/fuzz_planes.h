/* fuzz_planes.h: what a window reader makes can be encoded, whatever it was made of. */
#ifndef CNNSCORE_FUZZ_PLANES_H
#define CNNSCORE_FUZZ_PLANES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bam_record.h"
#include "encode.h"
#include "require.h"

#define WINDOW 32 /* so that reads of 100 bases are long ones, which are cut */
#define MAX_SITES 12
#define MAX_ROWS 6 /* reads per site */

#define REQUIRE_SAID(condition, err)                              \
    do {                                                          \
        bool holds = (condition);                                 \
        if (!holds) fprintf(stderr, "%s: ", (err)->message);      \
        if (!holds) fprintf(stderr, "%s is false\n", #condition); \
        if (!holds) abort();                                      \
    } while (0)

/* A record of a reader's ends where its lengths say, as it has no tags, but for a CIGAR in one, and what a
 * part says of its read. */
static void check_record(const uint8_t *record, int64_t size) {
    REQUIRE(size >= 32);
    cnnscore_bam_record read;
    const uint8_t *first_operator = record + 32 + record[8];
    REQUIRE(record[8] > 0 && first_operator[-1] == 0);
    if (cnnscore_bam_record_read(&read, record, size) == NULL && read.cigar == first_operator)
        REQUIRE(read.qual + read.n_held == record + size - (read.is_part ? CNNSCORE_PART_SIZE : 0));
}

/* FNV-1a. */
static void add_to(uint64_t *digest, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        *digest = (*digest ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
}

static void encode_alleles(const cnnscore_window_batch *batch, int32_t n_rows, uint64_t *digest) {
    int64_t n = 0, room = batch->site_allele[batch->n_sites] + 1;
    int64_t *sites = calloc((size_t)room, sizeof *sites), *alleles = calloc((size_t)room, sizeof *alleles);
    cnnscore_error err;
    REQUIRE(sites && alleles);
    REQUIRE_SAID(cnnscore_batch_alleles(batch, sites, alleles, &n, &err) == CNNSCORE_OK, &err);
    static const int32_t codes[] = {CNNSCORE_ANNOTATION_MQ, CNNSCORE_ANNOTATION_DP, CNNSCORE_ANNOTATION_QD};
    REQUIRE(batch->n_annotations <= 3);
    cnnscore_rows rows = {.sites = sites,
                          .alleles = alleles,
                          .n = n,
                          .window = WINDOW,
                          .n_reads = n_rows,
                          .realign = 1,
                          .annotations_from = CNNSCORE_ANNOTATIONS_FILL,
                          .annotation_codes = codes};
    size_t all = (size_t)n, reads = all * (size_t)n_rows;
    float *scalars = calloc(reads + 1, CNNSCORE_READ_SCALARS * sizeof(float));
    float *mask = calloc(reads + 1, sizeof(float));
    float *variant = calloc(all + 1, CNNSCORE_VARIANT_FEATURES * sizeof(float));
    float *annotations = calloc(all + 1, 3 * sizeof(float));
    REQUIRE(scalars && mask && variant && annotations);
    int status = cnnscore_encode_read_set(batch, &rows, scalars, mask, variant, annotations, &err);
    REQUIRE_SAID(status == CNNSCORE_OK, &err);
    add_to(digest, scalars, reads * CNNSCORE_READ_SCALARS * sizeof(float));
    add_to(digest, mask, reads * sizeof(float));
    add_to(digest, variant, all * CNNSCORE_VARIANT_FEATURES * sizeof(float));
    add_to(digest, annotations, all * (size_t)batch->n_annotations * sizeof(float));
    void *blocks[] = {sites, alleles, scalars, mask, variant, annotations};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) free(blocks[i]);
}

/* What a reader makes can be encoded; a digest of the planes. */
static uint64_t check_and_encode(const cnnscore_window_batch *batch, int32_t n_rows) {
    static uint8_t bases[MAX_SITES * MAX_ROWS * WINDOW], quals[sizeof bases];
    static uint8_t rows[MAX_SITES * MAX_ROWS * 2], reference[MAX_SITES * WINDOW];
    int64_t order[MAX_SITES], n = batch->n_sites;
    REQUIRE(n <= MAX_SITES);
    for (int64_t i = 0; i < n; i++) order[i] = n - 1 - i;
    for (int64_t i = 0; i < batch->site_read[n]; i++)
        check_record(batch->reads + batch->read_offset[i], batch->read_offset[i + 1] - batch->read_offset[i]);
    cnnscore_error err;
    REQUIRE_SAID(cnnscore_batch_check(batch, &err) == CNNSCORE_OK, &err);
    int status = cnnscore_encode_gatk_reference(batch, order, n, WINDOW, reference, &err);
    REQUIRE_SAID(status == CNNSCORE_OK, &err);
    status = cnnscore_encode_gatk_reads(batch, order, n, WINDOW, n_rows, bases, quals, rows, reference, &err);
    REQUIRE_SAID(status == CNNSCORE_OK, &err);
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    size_t sites = (size_t)n, cells = sites * (size_t)n_rows;
    add_to(&digest, bases, cells * WINDOW);
    add_to(&digest, quals, cells * WINDOW);
    add_to(&digest, rows, cells * 2);
    add_to(&digest, reference, sites * WINDOW);
    encode_alleles(batch, n_rows, &digest);
    return digest;
}

#endif
