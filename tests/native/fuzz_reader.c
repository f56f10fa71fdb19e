/* fuzz_reader.c: call files and read files made from arbitrary bytes, for the stages that read them.
 *
 * With libFuzzer, until stopped:
 *   clang -g -O1 -std=gnu11 -fsanitize=fuzzer,address,undefined -Inative/include -Inative/encode \
 *       -Inative/window -Inative/records native/{encode,window,records}/[a-z]*.c \
 *       tests/native/fuzz_reader.c -lhts -o /tmp/fuzz_reader && /tmp/fuzz_reader
 * from the root of the repository, or with CNNSCORE_FUZZ_DATA set to tests/data/synthetic.
 *
 * The first byte says what the rest is: the records of a VCF, a whole VCF or BCF, or the records of
 * a BAM. htslib is not instrumented, so its parsing guides nothing; what it lets through does.
 */
#define _GNU_SOURCE /* memfd_create, memmem */
#include <htslib/bgzf.h>
#include <htslib/faidx.h>
#include <htslib/hts.h>
#include <htslib/sam.h>
#include <sanitizer/lsan_interface.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz_cohort.h"
#include "fuzz_planes.h"
#include "records.h"
#include "window.h"

#define LEFT (WINDOW / 2)
#define WIDTH (LEFT + WINDOW)
#define BATCH 7      /* records read at a time */
#define READ_LIMIT 5 /* and of a read file */
#define INPUT_SIZE_MAX 65536

/* Bits of the first byte. */
#define INPUT_READS 1      /* a BAM; else a call file */
#define CALLS_WHOLE 2      /* the header too is of the input */
#define CALLS_TO_BCF 4     /* written as BCF */
#define CALLS_SORTED 8     /* must be sorted */
#define CALLS_COHORT 16    /* scored by carrier */
#define READS_FORGED 2     /* an index that says "anywhere": of another file, as it were */
#define READS_GATK 4       /* GATK's downsampling */
#define READS_TWICE 8      /* two files with the same reads */
#define READS_BACKWARD 16  /* sites from last to first */
#define READS_SAMPLE 32    /* those of one sample */
#define READS_OURS 64      /* the rule READS_PRIMARY */
#define READS_BY_TURNS 128 /* two files, each with every second read */

static const char CALLS_HEADER[] =
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=synA,length=40000>\n"
    "##contig=<ID=synB,length=12000>\n"
    "##INFO=<ID=MQ,Number=1,Type=Float,Description=\"RMS\">\n"
    "##INFO=<ID=DP,Number=1,Type=Integer,Description=\"depth\">\n"
    "##INFO=<ID=END,Number=1,Type=Integer,Description=\"end\">\n"
    "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"genotype\">\n"
    "##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"likelihoods\">\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\n";

static const char READS_HEADER[] =
    "@HD\tVN:1.6\tSO:coordinate\n"
    "@SQ\tSN:synA\tLN:40000\n"
    "@SQ\tSN:synB\tLN:12000\n"
    "@RG\tID:rg1\tSM:s1\n";

/* Sites that windows are read for: the ends of contigs, neighbours, deletions, long ones. */
static const struct {
    int32_t contig;
    int64_t pos, ref_length, end;
} SITES[] = {{0, 0, 1, 1},         {0, 9, 1, 10},      {0, 99, 1, 100},      {0, 100, 6, 106},
             {0, 5000, 1, 5001},   {0, 5900, 1, 6100}, {0, 10000, 1, 33000}, {0, 20000, 200, 20200},
             {0, 39999, 1, 40000}, {1, 0, 1, 1},       {1, 6000, 2, 6002},   {1, 11999, 1, 12000}};
#define N_SITES ((int32_t)(sizeof SITES / sizeof *SITES))
_Static_assert(N_SITES <= MAX_SITES && CALL_READS <= MAX_ROWS && READ_LIMIT <= MAX_ROWS, "room for planes");

static char reference_path[4096], reads_path[4096];
static cnnscore_reader *call_reader; /* over the reads of the test data */
static cnnscore_windows *windows;
static cnnscore_records *records;

/* The columns of SITES, forward and backward. */
static struct {
    int32_t contig[sizeof SITES / sizeof *SITES];
    int64_t pos[sizeof SITES / sizeof *SITES], end[sizeof SITES / sizeof *SITES];
    uint8_t kind[sizeof SITES / sizeof *SITES];
    int64_t site_allele[sizeof SITES / sizeof *SITES + 1];
    int64_t allele_offset[2 * sizeof SITES / sizeof *SITES + 1];
    char alleles[1024];
} columns[2];
static cnnscore_window_batch sites[2];

static void make_sites(int backward) {
    static const int64_t contig_length[] = {40000, 12000}, contig_offset[] = {0, 4, 8};
    static const char *const names[] = {"synA", "synB"};
    faidx_t *reference = fai_load(reference_path);
    REQUIRE(reference);
    int64_t at = 0;
    for (int32_t i = 0; i < N_SITES; i++) {
        int32_t from = backward ? N_SITES - 1 - i : i;
        columns[backward].contig[i] = SITES[from].contig;
        columns[backward].pos[i] = SITES[from].pos;
        columns[backward].end[i] = SITES[from].end;
        columns[backward].kind[i] = (uint8_t)(i % 3);
        columns[backward].site_allele[i] = 2 * i;
        hts_pos_t length = 0;
        char *ref = faidx_fetch_seq64(reference, names[SITES[from].contig], SITES[from].pos,
                                      SITES[from].pos + SITES[from].ref_length - 1, &length);
        REQUIRE(ref && length == SITES[from].ref_length);
        memcpy(columns[backward].alleles + at, ref, (size_t)length);
        free(ref);
        columns[backward].allele_offset[2 * i] = at;
        columns[backward].allele_offset[2 * i + 1] = at += length;
        columns[backward].alleles[at++] = 'T';
    }
    columns[backward].site_allele[N_SITES] = (int64_t)2 * N_SITES;
    columns[backward].allele_offset[2 * N_SITES] = at;
    REQUIRE(at <= (int64_t)sizeof columns[backward].alleles);
    fai_destroy(reference);
    sites[backward] = (cnnscore_window_batch){
        .struct_size = sizeof sites[backward],
        .n_sites = N_SITES,
        .contig = columns[backward].contig,
        .pos = columns[backward].pos,
        .end = columns[backward].end,
        .kind = columns[backward].kind,
        .site_allele = columns[backward].site_allele,
        .allele_offset = columns[backward].allele_offset,
        .alleles = columns[backward].alleles,
        .n_contigs = 2,
        .contig_length = contig_length,
        .contig_offset = contig_offset,
        .contig_names = "synAsynB",
    };
}

static cnnscore_reader_options reader_options(const char *const *reads, int32_t n_reads) {
    return (cnnscore_reader_options){
        .struct_size = sizeof(cnnscore_reader_options),
        .reference = reference_path,
        .reads = reads,
        .n_reads = n_reads,
        .read_rule = CNNSCORE_READS_GATK,
        .read_limit = READ_LIMIT,
        .reference_left = LEFT,
        .reference_width = WIDTH,
    };
}

static void start(void) {
    if (call_reader) return;
    const char *data = getenv("CNNSCORE_FUZZ_DATA");
    if (!data) data = "tests/data/synthetic";
    snprintf(reference_path, sizeof reference_path, "%s/ref.fa", data);
    snprintf(reads_path, sizeof reads_path, "%s/reads.bam", data);
    hts_set_log_level(HTS_LOG_OFF);
    make_sites(0);
    make_sites(1);
    const char *reads[] = {reads_path};
    cnnscore_reader_options options = reader_options(reads, 1);
    options.read_limit = CALL_READS;
    cnnscore_error err;
    REQUIRE_SAID(cnnscore_reader_open(&options, &call_reader, &err) == CNNSCORE_OK, &err);
    windows = cnnscore_windows_new();
    records = cnnscore_records_new();
    REQUIRE(windows && records);
}

/* The part of data[at..size) before the first record whose lengths, the sum of its first `fields`
 * numbers, say more than there can be: htslib 1.16 makes room for up to 4 GB before it reads on. */
static size_t honest_size(const uint8_t *data, size_t at, size_t size, size_t fields) {
    while (at < size && size - at >= 4 * fields) {
        size_t length = 4 * fields;
        for (size_t i = 0; i < fields; i++) length += cnnscore_le32(data + at + 4 * i);
        if (length > INPUT_SIZE_MAX) return at;
        at += length;
    }
    return size;
}

/* ---- call files ---- */

static void write_all(int file, const void *bytes, size_t size) {
    REQUIRE(write(file, bytes, size) == (ssize_t)size);
}

static int score_calls(cnnscore_calls *calls, int flags, cnnscore_error *err) {
    float scores[BATCH] = {0.0005f, -1.25f, 0, 3e38f, -1e-30f, 1, 2};
    scores[2] = (float)strtod("nan", NULL);
    const char *mode = flags & CALLS_TO_BCF ? "wbu" : "w";
    cnnscore_writer *writer = NULL;
    int n =
        cnnscore_calls_add_header(calls, "##INFO=<ID=CNN_2D,Number=1,Type=Float,Description=\"score\">", err);
    if (n == CNNSCORE_OK && flags & CALLS_COHORT) n = declare_cohort(calls, err);
    if (n == CNNSCORE_OK) n = cnnscore_writer_open(calls, "/dev/null", "the output", mode, 0, &writer, err);
    while (n >= 0 && (n = cnnscore_calls_read(calls, records, BATCH, err)) > 0) {
        const cnnscore_window_batch *read = cnnscore_records_sites(records);
        REQUIRE(read->n_sites == n && n <= BATCH);
        double progress = cnnscore_calls_progress(calls);
        REQUIRE(progress >= 0 && progress <= 1);
        int code = cnnscore_reader_read(call_reader, read, 0, INT64_MAX, windows, err);
        if (code == CNNSCORE_OK)
            check_and_encode(cnnscore_windows_batch(windows), CALL_READS);
        else
            REQUIRE_SAID(code == CNNSCORE_ERR_INPUT, err);
        code = flags & CALLS_COHORT ? write_carriers(writer, calls, records, call_reader, windows, err)
                                    : cnnscore_writer_write(writer, records, "CNN_2D", scores, err);
        if (code != CNNSCORE_OK) n = code;
    }
    int closed = cnnscore_writer_close(writer, n < 0 ? NULL : err);
    return n < 0 ? n : closed;
}

/* htslib 1.16 makes a table as long as the largest IDX= of a header: not ours to survive. */
static bool has_huge_index(const uint8_t *data, size_t size) {
    const uint8_t *at = data, *end = data + size;
    while ((at = memmem(at, (size_t)(end - at), "IDX=", 4))) {
        int digits = 0;
        for (at += 4; at < end && *at != ',' && *at != '>' && *at != '\n'; at++) digits++;
        if (digits > 2) return true;
    }
    return false;
}

static void fuzz_calls(int flags, const uint8_t *data, size_t size) {
    static const char *const annotations[] = {"MQ", "DP", "QD"};
    bool is_text = size >= 2 && memcmp(data, "##", 2) == 0,
         is_bcf = size >= 4 && memcmp(data, "BCF\2", 4) == 0;
    /* Anything else htslib may take for a file that names other files. */
    if (flags & CALLS_WHOLE && !is_text && !is_bcf) return;
    if (has_huge_index(data, size)) return;
    if (flags & CALLS_WHOLE && is_bcf) {
        size_t header = size < 9 ? INPUT_SIZE_MAX : 9 + (size_t)cnnscore_le32(data + 5);
        if (header > size) return;
        size = honest_size(data, header, size, 2);
    }
    int file = memfd_create("calls", 0);
    REQUIRE(file >= 0);
    if (!(flags & CALLS_WHOLE)) write_all(file, CALLS_HEADER, sizeof CALLS_HEADER - 1);
    write_all(file, data, size);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    cnnscore_calls_options options = {
        .struct_size = sizeof options,
        .path = path,
        .annotations = annotations,
        .n_annotations = 3,
        .must_be_sorted = flags & CALLS_SORTED,
    };
    cnnscore_calls *calls = NULL;
    cnnscore_error err;
    int code = cnnscore_calls_open(&options, &calls, &err);
    if (code == CNNSCORE_OK) code = score_calls(calls, flags, &err);
    cnnscore_calls_close(calls);
    close(file);
    REQUIRE_SAID(code == CNNSCORE_OK || code == CNNSCORE_ERR_INPUT || code == CNNSCORE_ERR_OUTPUT, &err);
}

/* ---- read files ---- */

static void write_u32(BGZF *file, uint32_t value) {
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                        (uint8_t)(value >> 24)};
    REQUIRE(bgzf_write(file, bytes, 4) == 4);
}

/* Returns where the first record is. */
static uint64_t write_bam(const char *path, const uint8_t *data, size_t size) {
    static const struct {
        char name[5];
        uint32_t length;
    } contigs[] = {{"synA", 40000}, {"synB", 12000}};
    BGZF *file = bgzf_open(path, "w0");
    REQUIRE(file);
    REQUIRE(bgzf_write(file, "BAM\1", 4) == 4);
    write_u32(file, sizeof READS_HEADER - 1);
    REQUIRE(bgzf_write(file, READS_HEADER, sizeof READS_HEADER - 1) == (ssize_t)sizeof READS_HEADER - 1);
    write_u32(file, 2);
    for (int i = 0; i < 2; i++) {
        write_u32(file, 5);
        REQUIRE(bgzf_write(file, contigs[i].name, 5) == 5);
        write_u32(file, contigs[i].length);
    }
    REQUIRE(bgzf_flush(file) == 0);
    uint64_t begin = (uint64_t)bgzf_tell(file);
    REQUIRE(bgzf_write(file, data, size) == (ssize_t)size);
    REQUIRE(bgzf_close(file) == 0);
    return begin;
}

/* A BAI by which the whole file is the first contig's, in one bin, and nothing the second's. */
static void forge_index(const char *path, const char *bam, uint64_t begin) {
    static const uint32_t n_contigs = 2, one = 1, none = 0, root = 0;
    struct stat st;
    REQUIRE(stat(bam, &st) == 0);
    uint64_t chunk[] = {begin, (uint64_t)st.st_size << 16};
    FILE *file = fopen(path, "wb");
    REQUIRE(file);
    fwrite("BAI\1", 1, 4, file);
    fwrite(&n_contigs, 4, 1, file);
    fwrite(&one, 4, 1, file); /* bins */
    fwrite(&root, 4, 1, file);
    fwrite(&one, 4, 1, file); /* chunks */
    fwrite(chunk, sizeof chunk, 1, file);
    fwrite(&one, 4, 1, file); /* linear index */
    fwrite(&begin, sizeof begin, 1, file);
    fwrite(&none, 4, 1, file);
    fwrite(&none, 4, 1, file);
    REQUIRE(fclose(file) == 0);
}

/* htslib 1.16 does not free the header of a file that it fails to index. */
static bool build_index(const char *bam, const char *bai) {
    __lsan_disable();
    bool built = sam_index_build3(bam, bai, 0, 0) == 0;
    __lsan_enable();
    return built;
}

/* Writes and indexes a file of reads; false where they are in no order. */
static bool make_reads(int flags, const char *bam, const char *bai, const uint8_t *data, size_t size) {
    uint64_t begin = write_bam(bam, data, size);
    if (!(flags & READS_FORGED)) return build_index(bam, bai);
    forge_index(bai, bam, begin);
    return true;
}

/* Deals the records out by turns; bytes that are no whole record are the first file's. */
static void deal(const uint8_t *data, size_t size, uint8_t part[2][INPUT_SIZE_MAX], size_t part_size[2]) {
    for (size_t at = 0, i = 0, n; at < size; at += n, i++) {
        n = size - at < 4 ? size : 4 + (size_t)cnnscore_le32(data + at);
        size_t to = n > size - at ? 0 : i % 2;
        if (n > size - at) n = size - at;
        memcpy(part[to] + part_size[to], data + at, n);
        part_size[to] += n;
    }
}

/* Whether contigs come in the header's order. htslib indexes them in any. */
static bool in_header_order(const uint8_t *data, size_t size) {
    int32_t last = 0;
    for (size_t at = 0; at < size && size - at >= 8; at += 4 + (size_t)cnnscore_le32(data + at)) {
        int32_t contig = (int32_t)cnnscore_le32(data + at + 4);
        if (contig >= 0 && contig < last) return false;
        if (contig >= 0) last = contig;
    }
    return true;
}

/* A few sites at a time. */
static void read_in_parts(cnnscore_reader *reader, const cnnscore_window_batch *wanted) {
    cnnscore_error err;
    for (int32_t first = 0; first < wanted->n_sites;) {
        int code = cnnscore_reader_read(reader, wanted, first, 500, windows, &err);
        REQUIRE_SAID(code == CNNSCORE_OK || code == CNNSCORE_ERR_INPUT, &err);
        if (code != CNNSCORE_OK) return;
        const cnnscore_window_batch *part = cnnscore_windows_batch(windows);
        REQUIRE(part->n_sites > 0 && part->n_sites <= wanted->n_sites - first);
        check_and_encode(part, READ_LIMIT);
        first += part->n_sites;
    }
}

static void fuzz_reads(int flags, const uint8_t *data, size_t size) {
    static uint8_t parts[2][INPUT_SIZE_MAX];
    static const char *const names[] = {"1.bam", "1.bam.bai", "2.bam", "2.bam.bai"};
    size = honest_size(data, 0, size, 1);
    char folder[] = "/dev/shm/fuzz_reader.XXXXXX", path[4][64];
    REQUIRE(mkdtemp(folder));
    for (int i = 0; i < 4; i++) snprintf(path[i], sizeof path[i], "%s/%s", folder, names[i]);
    size_t sizes[2] = {0, 0};
    bool by_turns = flags & READS_BY_TURNS, twice = !by_turns && (flags & READS_TWICE);
    if (by_turns) deal(data, size, parts, sizes);
    bool indexed = by_turns ? make_reads(flags, path[0], path[1], parts[0], sizes[0]) &&
                                  make_reads(flags, path[2], path[3], parts[1], sizes[1])
                            : make_reads(flags, path[0], path[1], data, size);
    if (indexed && twice) indexed = make_reads(flags, path[2], path[3], data, size); /* a copy */
    const char *reads[] = {path[0], path[2]};
    cnnscore_reader_options options = reader_options(reads, by_turns || twice ? 2 : 1);
    options.downsampling = flags & READS_GATK ? CNNSCORE_DOWNSAMPLE_GATK : CNNSCORE_DOWNSAMPLE_SITE;
    options.sample = flags & READS_SAMPLE ? "s1" : NULL;
    if (flags & READS_OURS) options.read_rule = CNNSCORE_READS_PRIMARY;
    cnnscore_reader *reader = NULL, *whole = NULL;
    cnnscore_error err;
    int code = CNNSCORE_ERR_INPUT;
    if (indexed) code = cnnscore_reader_open(&options, &reader, &err);
    options.is_another = 1; /* which does not ask whether the files begin with the same read */
    if (indexed && code != CNNSCORE_OK && (by_turns || twice))
        code = cnnscore_reader_open(&options, &reader, &err);
    options.whole_reads = 1;
    if (code == CNNSCORE_OK) REQUIRE_SAID(cnnscore_reader_open(&options, &whole, &err) == CNNSCORE_OK, &err);
    /* All is open by now: what comes may crash and leave nothing behind. */
    for (int i = 0; i < 4; i++) unlink(path[i]);
    REQUIRE(rmdir(folder) == 0);
    if (!indexed) return;
    bool ordered = by_turns ? in_header_order(parts[0], sizes[0]) && in_header_order(parts[1], sizes[1])
                            : in_header_order(data, size);
    REQUIRE_SAID(code == CNNSCORE_OK || (code == CNNSCORE_ERR_INPUT && !ordered && !(flags & READS_FORGED)),
                 &err);
    if (code != CNNSCORE_OK) return;
    const cnnscore_window_batch *wanted = &sites[flags & READS_BACKWARD ? 1 : 0];
    for (int round = 0; round < 2; round++) { /* the second goes on with a reader that has been used */
        uint64_t digest[2] = {0, 0};
        for (int uncut = 0; uncut < 2; uncut++) {
            int result = cnnscore_reader_read(uncut ? whole : reader, wanted, 0, INT64_MAX, windows, &err);
            REQUIRE_SAID(result == CNNSCORE_OK || result == CNNSCORE_ERR_INPUT, &err);
            if (result == CNNSCORE_OK)
                digest[uncut] = check_and_encode(cnnscore_windows_batch(windows), READ_LIMIT);
        }
        REQUIRE(digest[0] == digest[1]);
        float depth = 0;
        code = cnnscore_reader_measure_depth(reader, &depth, &err);
        REQUIRE_SAID(code == CNNSCORE_OK || code == CNNSCORE_ERR_INPUT, &err);
        if (code == CNNSCORE_OK) cnnscore_reader_set_depth(reader, depth);
    }
    read_in_parts(reader, wanted);
    cnnscore_reader_close(reader);
    cnnscore_reader_close(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    start();
    if (size < 1 || size > INPUT_SIZE_MAX) return 0;
    (data[0] & INPUT_READS ? fuzz_reads : fuzz_calls)(data[0], data + 1, size - 1);
    return 0;
}
