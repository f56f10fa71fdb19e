/* fuzz_encode.c: window batches made from arbitrary bytes, for the encoders.
 *
 * With libFuzzer, until stopped:
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Inative/include -Inative/encode \
 *       native/encode/[a-z]*.c tests/native/fuzz_encode.c -lm -o /tmp/fuzz_encode && /tmp/fuzz_encode
 * With -DSTANDALONE and any compiler it has a main() that tries N pseudo-random inputs: what
 * the test suite runs.
 *
 * Each column is a heap block of exactly the length that the batch declares, so the address
 * sanitizer sees the first byte read beyond it. Inside these lengths every value may lie.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "read_part.h"
#include "require.h"

#define MAX_SITES 4
#define MAX_ALLELES 4
#define MAX_READS 6
#define MAX_BYTES 65536
#define ANNOTATIONS 4

/* The input, read from the front; zeros once it is used up. */
typedef struct {
    const uint8_t *data;
    size_t size;
} input;

static uint8_t take(input *in) {
    if (in->size == 0) return 0;
    in->size--;
    return *in->data++;
}

static int64_t take_below(input *in, int64_t limit) {
    return take(in) % limit;
}

static int64_t take_i64(input *in) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = value << 8 | take(in);
    return (int64_t)value;
}

/* A value near zero, anything at all, or one of those that break arithmetic. */
static int64_t take_lie(input *in) {
    switch (take(in) % 6) {
        case 0:
            return take_i64(in);
        case 1:
            return INT64_MAX - take(in);
        case 2:
            return INT64_MIN + take(in);
        case 3:
            return -(int64_t)take(in);
        case 4:
            return (int64_t)1 << take_below(in, 63);
        default:
            return take(in);
    }
}

static void put32(uint8_t *p, uint32_t value) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(value >> (8 * i));
}

/* The tag of a part that has l_seq bases, and its size. Some of its numbers lie. */
static size_t put_part(input *in, uint8_t *out, uint32_t l_seq) {
    uint32_t begin = take(in), length = begin + l_seq + take(in), good = take(in) % (length + 1);
    uint32_t numbers[CNNSCORE_PART_NUMBERS] = {length, begin, take(in), good, length, (length - good) / 2};
    uint8_t lie = take(in);
    if (lie >= 128) numbers[lie % CNNSCORE_PART_NUMBERS] = (uint32_t)take_lie(in);
    memcpy(out, CNNSCORE_PART_TAG, CNNSCORE_PART_TAG_SIZE);
    for (int i = 0; i < CNNSCORE_PART_NUMBERS; i++) put32(out + CNNSCORE_PART_TAG_SIZE + 4 * i, numbers[i]);
    return CNNSCORE_PART_SIZE;
}

/* Appends a record to `out` and returns its size: raw bytes, or one whose lengths agree. */
static size_t make_record(input *in, uint8_t *out, int64_t site_pos) {
    uint8_t shape = take(in);
    if (shape % 8 == 0) {
        size_t n = take(in);
        for (size_t i = 0; i < n; i++) out[i] = take(in);
        return n;
    }
    size_t l_name = take(in) % 8u, n_cigar = take(in) % 8u, l_seq = take(in);
    int long_cigar = shape % 8 == 1;
    memset(out, 0, 32);
    put32(out + 4, (uint32_t)(site_pos - 128 + take(in)));
    out[8] = (uint8_t)l_name;
    out[9] = take(in);
    out[12] = (uint8_t)(long_cigar ? 2 : n_cigar);
    out[14] = take(in);
    put32(out + 16, (uint32_t)l_seq);
    size_t at = 32;
    for (size_t i = 0; i < l_name; i++) out[at++] = 'r';
    uint32_t ops[8];
    for (size_t i = 0; i < n_cigar; i++) {
        uint8_t op = take(in);
        uint32_t length = op & 16 ? (uint32_t)take_i64(in) & 0xFFFFFFF : take(in) % 64u;
        ops[i] = length << 4 | (uint32_t)(op & 15) % (op & 32 ? 16u : 10u);
    }
    if (long_cigar) {
        put32(out + at, (uint32_t)l_seq << 4 | 4);
        put32(out + at + 4, 1000u << 4 | 3);
        at += 8;
    } else {
        for (size_t i = 0; i < n_cigar; i++, at += 4) put32(out + at, ops[i]);
    }
    for (size_t i = 0; i < (l_seq + 1) / 2 + l_seq; i++) out[at++] = take(in);
    if (long_cigar) {
        static const char tags[] = "NMC\1XXZab\0YYBS\2\0\0\0\1\0\2\0CGBI";
        memcpy(out + at, tags, sizeof tags - 1);
        at += sizeof tags - 1;
        put32(out + at, (uint32_t)n_cigar + (take(in) > 250 ? take(in) : 0u));
        at += 4;
        for (size_t i = 0; i < n_cigar; i++, at += 4) put32(out + at, ops[i]);
        at -= take(in) > 250 ? take(in) % 4u : 0u;
    }
    if (shape >= 192) at += put_part(in, out + at, (uint32_t)l_seq);
    if (take(in) > 250) out[take(in) % 32u] = take(in);
    return at;
}

/* A heap block of exactly `size` bytes (NULL for none), freed by the caller. */
static void *exactly(const void *bytes, size_t size) {
    if (size == 0) return NULL;
    void *block = malloc(size);
    REQUIRE(block);
    memcpy(block, bytes, size);
    return block;
}

/* Whether no site has more than `limit` reads: a lie about where reads begin may give one those of others. */
static bool reads_fit(const cnnscore_window_batch *batch, int64_t limit) {
    for (int32_t i = 0; i < batch->n_sites; i++)
        if (batch->site_read[i + 1] - batch->site_read[i] > limit) return false;
    return true;
}

/* Our own encodings of all ALT alleles, last first, into blocks of exactly their size. */
static void encode_alleles(const cnnscore_window_batch *batch, int32_t window, int32_t n_reads, int source,
                           bool sound) {
    static const int32_t codes[ANNOTATIONS] = {CNNSCORE_ANNOTATION_QD, CNNSCORE_ANNOTATION_READ_POS_RANK_SUM,
                                               CNNSCORE_ANNOTATION_OTHER, CNNSCORE_ANNOTATION_RELATIVE_DEPTH};
    int64_t listed = batch->n_sites > 0 ? batch->site_allele[batch->n_sites] : 0, n = 0;
    size_t room = listed > 0 ? (size_t)listed : 0;
    int64_t *sites = malloc(room * sizeof *sites + 1), *alleles = malloc(room * sizeof *alleles + 1);
    cnnscore_error err;
    REQUIRE(sites && alleles);
    int code = cnnscore_batch_alleles(batch, sites, alleles, &n, &err);
    REQUIRE(code == CNNSCORE_OK || !sound);
    REQUIRE(n >= 0 && (size_t)n <= room);
    for (int64_t i = 0; i < n / 2; i++) {
        int64_t site = sites[i], allele = alleles[i];
        sites[i] = sites[n - 1 - i];
        alleles[i] = alleles[n - 1 - i];
        sites[n - 1 - i] = site;
        alleles[n - 1 - i] = allele;
    }
    cnnscore_rows rows = {.sites = sites,
                          .alleles = alleles,
                          .n = n,
                          .window = window,
                          .n_reads = n_reads,
                          .annotations_from = source,
                          .annotation_codes = codes};
    size_t all = (size_t)n, reads = (size_t)n_reads;
    float *scalars = malloc(all * reads * CNNSCORE_READ_SCALARS * sizeof(float) + 1);
    float *mask = malloc(all * reads * sizeof(float) + 1);
    float *variant = malloc(all * CNNSCORE_VARIANT_FEATURES * sizeof(float) + 1);
    float *values = malloc(all * ANNOTATIONS * sizeof(float) + 1);
    uint8_t *reference = malloc(all * (size_t)window + 1), *alternate = malloc(all * (size_t)window + 1);
    REQUIRE(scalars && mask && variant && values && reference && alternate);
    for (rows.realign = 0; rows.realign < 2; rows.realign++) {
        code = cnnscore_encode_read_set(batch, &rows, scalars, mask, variant, values, &err);
        REQUIRE(code == CNNSCORE_OK || !sound || !reads_fit(batch, n_reads));
        if (code != CNNSCORE_OK) continue;
        for (size_t i = 0; i < all * reads * CNNSCORE_READ_SCALARS; i++)
            REQUIRE(scalars[i] >= -1.5F && scalars[i] <= 7);
    }
    code = cnnscore_encode_reference(batch, &rows, reference, alternate, variant, &err);
    REQUIRE(code == CNNSCORE_OK || !sound);
    if (code == CNNSCORE_OK)
        for (size_t i = 0; i < all * (size_t)window; i++)
            REQUIRE(reference[i] <= CNNSCORE_REF_NONE && alternate[i] <= CNNSCORE_REF_NONE);
    void *blocks[] = {sites, alleles, scalars, mask, variant, values, reference, alternate};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) free(blocks[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size};
    uint8_t *bytes = malloc(MAX_BYTES);
    REQUIRE(bytes);
    int64_t data_length = (int64_t)size, n = take_below(&in, MAX_SITES + 1);
    int32_t window = (int32_t)(take(&in) & 1 ? 128 : 1 + take(&in) % 140);
    int32_t n_rows = (int32_t)(take(&in) & 7 ? MAX_READS : 1 + take(&in) % MAX_READS);
    int32_t left = window / 2 + (int32_t)(take(&in) % 3), width = left + window;
    int fits = take(&in) != 1;
    if (!fits) width -= 1 + (int32_t)take(&in) % 4;
    if (width < left) width = left;

    int32_t contig[MAX_SITES + 1] = {0};
    int64_t pos[MAX_SITES + 1] = {0}, end[MAX_SITES + 1] = {0};
    uint8_t kind[MAX_SITES + 1] = {0};
    int64_t site_allele[MAX_SITES + 1] = {0}, site_read[MAX_SITES + 1] = {0};
    int64_t allele_offset[MAX_SITES * MAX_ALLELES + 1] = {0};
    int64_t read_offset[MAX_SITES * MAX_READS + 1] = {0};
    int64_t contig_offset[3] = {0, 4, 8}, contig_length[2] = {0, 1000};
    char alleles[MAX_SITES * MAX_ALLELES * 8];
    int64_t n_alleles = 0, n_reads = 0;

    for (int64_t i = 0; i < n; i++) {
        pos[i] = take(&in) + (take(&in) & 1 ? 1000 : 0);
        contig[i] = take(&in) & 1;
        kind[i] = take(&in) % 3;
        for (int64_t a = 1 + take_below(&in, MAX_ALLELES); a > 0; a--, n_alleles++) {
            int64_t at = allele_offset[n_alleles], length = 1;
            if (take(&in) & 1) length += take_below(&in, 7);
            for (int64_t j = 0; j < length; j++) alleles[at++] = "ACGTN*<a"[take(&in) & 7];
            allele_offset[n_alleles + 1] = at;
        }
        site_allele[i + 1] = n_alleles;
        end[i] = pos[i] + 1;
        for (int64_t r = take_below(&in, MAX_READS + 1); r > 0; r--, n_reads++)
            read_offset[n_reads + 1] =
                read_offset[n_reads] + (int64_t)make_record(&in, bytes + read_offset[n_reads], pos[i]);
        site_read[i + 1] = n_reads;
    }
    int64_t n_allele_bytes = allele_offset[n_alleles], n_read_bytes = read_offset[n_reads];

    /* Lies. The last entry of an offset column may shrink, as then its blocks are longer than
     * declared; it may not grow. */
    for (int64_t lies = take(&in) & 3 ? 0 : take_below(&in, 4); lies > 0; lies--) {
        struct {
            int64_t *column;
            int64_t last;
        } columns[] = {{pos, n},           {end, n},
                       {site_allele, n},   {allele_offset, n_alleles},
                       {site_read, n},     {read_offset, n_reads},
                       {contig_offset, 2}, {contig_length, 1}};
        int64_t which = take_below(&in, 10), lie = take_lie(&in);
        if (which == 8) {
            contig[take_below(&in, n + 1)] = (int32_t)lie;
        } else if (which == 9) {
            kind[take_below(&in, n + 1)] = (uint8_t)lie;
        } else {
            int64_t *entry = &columns[which].column[take_below(&in, columns[which].last + 1)];
            int is_offset = which >= 2 && which <= 6;
            if (!is_offset || entry != columns[which].column + columns[which].last || lie < *entry)
                *entry = lie;
        }
    }
    /* A column cut short must not end in a lie: that is the one thing taken on trust. */
    if (site_allele[n] >= 0 && allele_offset[site_allele[n]] > n_allele_bytes)
        allele_offset[site_allele[n]] = n_allele_bytes;
    if (site_read[n] >= 0 && read_offset[site_read[n]] > n_read_bytes)
        read_offset[site_read[n]] = n_read_bytes;

    cnnscore_window_batch batch;
    memset(&batch, 0, sizeof batch);
    batch.struct_size = sizeof batch;
    batch.n_sites = (int32_t)n;
    batch.reference_left = left;
    batch.reference_width = width;
    for (int64_t i = 0; i < n * width; i++) /* reads' bytes are copied out below */
        bytes[MAX_BYTES - 1 - i] = (uint8_t) "ACGTacgtNRK*\0-"[(i * 5 + data_length) % 14];
    size_t sites = (size_t)n;
    batch.reference = exactly(bytes + MAX_BYTES - n * width, (size_t)(n * width));
    batch.contig = exactly(contig, sites * sizeof *contig);
    batch.pos = exactly(pos, sites * sizeof *pos);
    batch.end = exactly(end, sites * sizeof *end);
    batch.kind = exactly(kind, sites);
    batch.site_allele = exactly(site_allele, (sites + 1) * sizeof *site_allele);
    batch.allele_offset = exactly(allele_offset, (size_t)(n_alleles + 1) * sizeof *allele_offset);
    batch.alleles = exactly(alleles, (size_t)n_allele_bytes);
    batch.site_read = exactly(site_read, (sites + 1) * sizeof *site_read);
    batch.read_offset = exactly(read_offset, (size_t)(n_reads + 1) * sizeof *read_offset);
    batch.reads = exactly(bytes, (size_t)n_read_bytes);
    batch.n_contigs = 2;
    batch.contig_length = exactly(contig_length, sizeof contig_length);
    batch.contig_offset = exactly(contig_offset, sizeof contig_offset);
    batch.contig_names = exactly("chr1chr2", 8);

    float annotations[MAX_SITES * ANNOTATIONS], qual[MAX_SITES];
    int32_t site_depth[MAX_SITES];
    float sample_depth[MAX_SITES];
    for (size_t i = 0; i < sites; i++) {
        for (size_t a = 0; a < ANNOTATIONS; a++)
            annotations[i * ANNOTATIONS + a] = take(&in) & 1 ? NAN : (float)take(&in);
        qual[i] = (float)take_lie(&in);
        site_depth[i] = (int32_t)take_lie(&in);
        sample_depth[i] = take(&in) & 1 ? NAN : (float)take_lie(&in);
    }
    batch.n_annotations = ANNOTATIONS;
    batch.annotations = exactly(annotations, sites * ANNOTATIONS * sizeof *annotations);
    if (take(&in) & 1) batch.qual = exactly(qual, sites * sizeof *qual);
    if (take(&in) & 1) batch.site_depth = exactly(site_depth, sites * sizeof *site_depth);
    if (take(&in) & 1) batch.sample_depth = exactly(sample_depth, sites * sizeof *sample_depth);

    int64_t order[MAX_SITES];
    for (int64_t i = 0; i < n; i++) order[i] = n - 1 - i;
    size_t cells = sites * (size_t)(n_rows * window) + 1;
    uint8_t *bases = malloc(cells), *quals = malloc(cells);
    uint8_t *rows = malloc(sites * (size_t)n_rows * 2 + 1);
    uint8_t *reference = malloc(sites * (size_t)window + 1);
    REQUIRE(bases && quals && rows && reference);

    cnnscore_error err;
    int checked = cnnscore_batch_check(&batch, &err);
    REQUIRE(checked == CNNSCORE_OK || checked == CNNSCORE_ERR_BATCH);
    REQUIRE(checked == CNNSCORE_OK || (err.code == checked && strlen(err.message) > 0));
    int references = cnnscore_encode_gatk_reference(&batch, order, n, window, reference, &err);
    int reads =
        cnnscore_encode_gatk_reads(&batch, order, n, window, n_rows, bases, quals, rows, reference, &err);
    /* What the check lets pass, the encoders can encode. */
    if (checked == CNNSCORE_OK && fits) {
        REQUIRE(references == CNNSCORE_OK);
        REQUIRE((reads == CNNSCORE_OK) == reads_fit(&batch, n_rows));
    }
    if (reads == CNNSCORE_OK) {
        for (int64_t i = 0; i < n * n_rows * window; i++)
            REQUIRE((bases[i] & ~CNNSCORE_READ_SPAN) <= CNNSCORE_READ_NONE);
        for (int64_t i = 0; i < n * window; i++) REQUIRE(reference[i] <= CNNSCORE_REF_NONE);
    }

    encode_alleles(&batch, window, n_rows, take(&in) % 3, checked == CNNSCORE_OK && fits);

    free(bases);
    free(quals);
    free(rows);
    free(reference);
    const void *blocks[] = {batch.reference,     batch.contig,       batch.pos,           batch.end,
                            batch.kind,          batch.site_allele,  batch.allele_offset, batch.alleles,
                            batch.site_read,     batch.read_offset,  batch.reads,         batch.contig_length,
                            batch.contig_offset, batch.contig_names, batch.annotations,   batch.qual,
                            batch.site_depth,    batch.sample_depth};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) free((void *)blocks[i]);
    free(bytes);
    return 0;
}

#ifdef STANDALONE
int main(int argc, char **argv) {
    long inputs = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    uint64_t state = 88172645463325252u; /* xorshift64, Marsaglia 2003 */
    static uint8_t data[4096];
    for (long i = 0; i < inputs; i++) {
        for (size_t j = 0; j < sizeof data; j++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            data[j] = (uint8_t)state;
        }
        LLVMFuzzerTestOneInput(data, state % sizeof data);
    }
    printf("%ld inputs\n", inputs);
    return 0;
}
#endif
