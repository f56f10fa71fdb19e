/* open_fault.c: why a file could not be opened. */
#include "open_fault.h"

#include <fcntl.h>
#include <htslib/bgzf.h>
#include <htslib/hts.h>
#include <htslib/kstring.h>
#include <htslib/tbx.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "grow.h"
#include "index_find.h"

/* ---- file descriptors ---- */

/* As many as opening one file may take: itself, its index, a stream for each of the two, and one more. What
 * failed has closed its own again. */
#define SPARE 5

int cnnscore_fault_of_descriptors(int code, cnnscore_error *err) {
    int spare[SPARE], n = 0;
    if (code != CNNSCORE_ERR_INPUT && code != CNNSCORE_ERR_OUTPUT) return code;
    while (n < SPARE && (spare[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) n++;
    bool is_out = n < SPARE;
    while (n > 0) close(spare[--n]);
    if (!is_out) return code;
    struct rlimit limit;
    unsigned long long most = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
    return cnnscore_fail(err, code,
                         "too many open files: this process may have %llu, and each thread opens the "
                         "reference and the reads anew: use fewer `threads=`, or `ulimit -n 1024`",
                         most);
}

/* ---- headers ---- */

#define LONGEST_HEADER ((size_t)1 << 28)
#define FIRST_SAMPLE 9 /* columns before it */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The columns of the line #CHROM, which is cut at its tabs; returns their number, -1: out of memory. */
static int64_t cut(char *line, char ***columns) {
    size_t room = 0;
    int64_t n = 0;
    *columns = NULL;
    for (char *rest = line, *column; (column = strsep(&rest, "\t"));) {
        if (cnnscore_reserve(columns, &room, (size_t)n + 1, sizeof **columns) < 0) return -1;
        (*columns)[n++] = column;
    }
    return n;
}

static int check_samples(char *line, const char *name, cnnscore_error *err) {
    char **columns;
    int64_t n = cut(line, &columns);
    int code = n < 0 ? cnnscore_fail_memory(err) : CNNSCORE_OK;
    for (int64_t i = FIRST_SAMPLE; code == CNNSCORE_OK && i < n; i++)
        if (!*columns[i])
            code = cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                                 "%s: column %lld of its #CHROM line is a sample without a name: name it, or "
                                 "take the tab away that is too many",
                                 name, (long long)i + 1);
    if (code == CNNSCORE_OK && n > FIRST_SAMPLE)
        qsort(columns + FIRST_SAMPLE, (size_t)(n - FIRST_SAMPLE), sizeof *columns, compare_names);
    for (int64_t i = FIRST_SAMPLE + 1; code == CNNSCORE_OK && i < n; i++)
        if (strcmp(columns[i - 1], columns[i]) == 0)
            code =
                cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                              "%s: its #CHROM line has the sample %.200s twice: give each column a name of "
                              "its own",
                              name, columns[i]);
    free(columns);
    return code;
}

/* The line #CHROM of a VCF; "" where there is none. */
static bool line_of_vcf(htsFile *file, kstring_t *line) {
    while (hts_getline(file, '\n', line) >= 0) {
        if (line->l && line->s[line->l - 1] == '\r') line->s[--line->l] = '\0';
        if (strncmp(line->s, "#CHROM\t", 7) == 0) return true;
        if (line->l && *line->s != '#') break;
    }
    return false;
}

/* The same of a BCF, whose header is one text after a mark of 5 bytes and its length (BCF2, 6.2). */
static bool line_of_bcf(htsFile *file, kstring_t *line) {
    uint8_t begin[9];
    BGZF *data = hts_get_bgzfp(file);
    if (!data || bgzf_read(data, begin, sizeof begin) != (ssize_t)sizeof begin) return false;
    size_t length = 0;
    for (int i = 3; i >= 0; i--) length = length << 8 | begin[5 + i];
    if (length > LONGEST_HEADER) return false;
    char *text = calloc(length + 1, 1), *found = NULL;
    if (text && bgzf_read(data, text, length) == (ssize_t)length) found = strstr(text, "\n#CHROM\t");
    if (found) found[1 + strcspn(found + 1, "\n")] = '\0';
    bool is_there = found && kputs(found + 1, line) >= 0;
    free(text);
    return is_there;
}

int cnnscore_fault_of_header(const char *path, const char *name, const char *reason, cnnscore_error *err) {
    /* A pipe is not opened again: that waits for another writer. */
    bool is_kept = strcmp(path, "-") != 0 && cnnscore_data_size(path) > 0;
    htsFile *file = is_kept ? hts_open(path, "r") : NULL;
    kstring_t line = KS_INITIALIZE;
    bool is_there = false, is_calls = false;
    int code = CNNSCORE_OK;
    if (file) {
        enum htsExactFormat format = hts_get_format(file)->format;
        is_calls = format == vcf || format == bcf;
        is_there = format == vcf ? line_of_vcf(file, &line) : format == bcf && line_of_bcf(file, &line);
        hts_close(file);
    }
    if (is_there) code = check_samples(line.s, name, err);
    if (code == CNNSCORE_OK)
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT, "cannot read %s as VCF or BCF (%s): %s", name, reason,
                             is_calls && !is_there ? "it is truncated, as no line #CHROM ends its header"
                             : is_calls            ? "its header is malformed; `bcftools view -h` says more"
                             : file                ? "it is truncated, or something else"
                                    : "it is truncated, something else, or has a sample twice or without a "
                                      "name in its header");
    ks_free(&line);
    return code;
}
