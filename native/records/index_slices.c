/* index_slices.c: CRAI (CRAM specification, section 12). */
#include <ctype.h>
#include <htslib/kstring.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "index_check.h"

#define CRAM_REST 512 /* most bytes of the last container's header and the end marker */

/* A line: contig, begin, span, offset of a container, of a slice in it, bytes of the slice. */
static const char *check_slice(const char *line, int64_t size, int64_t *last_contig, int64_t *last_offset,
                               int64_t *end) {
    int64_t field[6];
    for (int i = 0; i < 6; i++) {
        char *rest;
        if (!isdigit((unsigned char)*line) && !(*line == '-' && i < 3)) return "has a line that is no slice";
        field[i] = strtoll(line, &rest, 10);
        if (rest == line || *rest != (i < 5 ? '\t' : '\0')) return "has a line that is no slice";
        line = rest + 1;
    }
    if (field[0] < -2 || field[0] > INT32_MAX || field[2] < 0 || field[1] < -1 || field[1] > INT64_MAX / 2 ||
        field[2] > INT64_MAX / 2 || field[4] > INT32_MAX || field[5] > INT32_MAX)
        return "has a slice that there cannot be";
    if (size > 0 && (field[3] >= size || field[5] > size - field[3])) return CNNSCORE_OUTSIDE;
    if (field[0] >= 0 && field[0] < *last_contig) return "has contigs in disorder";
    if (field[3] < *last_offset) return "has slices in disorder";
    if (field[0] >= 0) *last_contig = field[0];
    *last_offset = field[3];
    *end = field[3] + field[4] + field[5];
    return NULL;
}

const char *cnnscore_slices_check(BGZF *file, int64_t size) {
    kstring_t line = {0};
    int length;
    int64_t contig = -1, offset = 0, end = 0;
    const char *problem = NULL;
    while (!problem && (length = bgzf_getline(file, '\n', &line)) >= 0)
        problem = file->errcode                      ? "is damaged"
                  : strlen(line.s) != (size_t)length ? "has a line that is no slice"
                                                     : check_slice(line.s, size, &contig, &offset, &end);
    if (!problem && (length < -1 || file->errcode)) problem = "is damaged";
    if (!problem && end > 0 && size - end > CRAM_REST) problem = "leaves slices out";
    free(line.s);
    return problem;
}
