/* index_slices.c: CRAI (CRAM specification, section 12). */
#include <ctype.h>
#include <htslib/hfile.h>
#include <htslib/kstring.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "index_check.h"

#define CRAM_REST 512 /* most bytes of the last container's header and the end marker */

#define HEADER_BYTES 512 /* most bytes of a container's or a slice's header that are read */
#define MAPPED_SLICE 2   /* the content type of a block with a slice's header */
/* Of so many slices each is compared with its header in the file, and of those behind them each 64th. */
#define SLICES_LOOKED_AT 512
#define SLICES_PASSED_OVER 64

enum { CONTIG, BEGIN, SPAN, CONTAINER, LANDMARK, BYTES, FIELDS };

typedef struct {
    hFILE *reads; /* NULL: not at hand */
    int major;    /* version of the CRAM; 0: not known */
    int64_t size; /* of the reads; 0: not known */
    int64_t contig, offset, end;
} checker;

/* ---- headers in the CRAM ---- */

typedef struct {
    const unsigned char *at, *end;
} cursor;

/* An ITF8, or with `wide` an LTF8: as many bytes follow the first as it has leading ones (of an ITF8 at most
 * four, the fourth of them with half a byte). False: cut short. */
static bool take_integer(cursor *from, bool wide, int64_t *value) {
    if (from->at >= from->end) return false;
    unsigned first = *from->at++, more = 0;
    while (more < (wide ? 8U : 4U) && (first & (0x80U >> more))) more++;
    if (from->end - from->at < (ptrdiff_t)more) return false;
    uint64_t bits = more >= 7 ? 0 : first & (0xffU >> (more + 1));
    if (!wide && more == 4) {
        bits = first & 0xfU;
        for (int i = 0; i < 3; i++) bits = bits << 8 | *from->at++;
        bits = bits << 4 | (*from->at++ & 0xfU);
        *value = (int32_t)(uint32_t)bits;
        return true;
    }
    for (; more > 0; more--) bits = bits << 8 | *from->at++;
    *value = (int64_t)bits;
    return true;
}

/* `n` of them; the last `kept` of these stay. */
static bool take_integers(cursor *from, int64_t n, int64_t *kept, int64_t n_kept) {
    for (int64_t i = 0; i < n; i++)
        if (!take_integer(from, false, &kept[i % n_kept])) return false;
    return true;
}

static bool read_header(hFILE *reads, int64_t offset, unsigned char *bytes, cursor *header) {
    if (hseek(reads, offset, SEEK_SET) < 0) return false;
    ssize_t length = hread(reads, bytes, HEADER_BYTES);
    if (length < 0) return false;
    *header = (cursor){bytes, bytes + length};
    return true;
}

/* Whether a line is right about where its slice lies on its contig, by that slice's own header. What is no
 * header that we read (other versions, damage) is left to htslib, which reads it whole. */
static bool is_as_its_header_says(const checker *self, const int64_t *line) {
    unsigned char bytes[HEADER_BYTES];
    cursor from;
    int64_t value[3], skipped, landmarks;
    if (!read_header(self->reads, line[CONTAINER], bytes, &from) || from.end - from.at < 4) return true;
    from.at += 4; /* bytes of the container */
    if (!take_integers(&from, 4, value, 3) || !take_integer(&from, self->major >= 3, &skipped) ||
        !take_integer(&from, true, &skipped) || !take_integers(&from, 1, value, 1) ||
        !take_integer(&from, false, &landmarks) || landmarks < 0 ||
        !take_integers(&from, landmarks, value, 1))
        return true;
    int64_t blocks = line[CONTAINER] + (from.at - bytes) + (self->major >= 3 ? 4 : 0); /* behind a CRC */
    if (!read_header(self->reads, blocks + line[LANDMARK], bytes, &from) || from.end - from.at < 2)
        return true;
    bool is_plain = *from.at++ == 0;
    if (*from.at++ != MAPPED_SLICE || !is_plain) return true;
    if (!take_integers(&from, 3, value, 3) || !take_integers(&from, 3, value, 3)) return true;
    if (value[CONTIG] == -2) return true; /* of several contigs: its reads tell */
    return value[CONTIG] == line[CONTIG] &&
           (value[CONTIG] < 0 || (value[BEGIN] == line[BEGIN] && value[SPAN] == line[SPAN]));
}

/* ---- lines ---- */

/* A line: contig, begin, span, offset of a container, of a slice in it, bytes of the slice. */
static const char *check_slice(checker *self, int64_t number, const char *line) {
    int64_t field[FIELDS];
    for (int i = 0; i < FIELDS; i++) {
        char *rest;
        if (!isdigit((unsigned char)*line) && !(*line == '-' && i < CONTAINER))
            return "has a line that is no slice";
        field[i] = strtoll(line, &rest, 10);
        if (rest == line || *rest != (i < FIELDS - 1 ? '\t' : '\0')) return "has a line that is no slice";
        line = rest + 1;
    }
    if (field[CONTIG] < -2 || field[CONTIG] > INT32_MAX || field[SPAN] < 0 || field[BEGIN] < -1 ||
        field[BEGIN] > INT64_MAX / 2 || field[SPAN] > INT64_MAX / 2 || field[LANDMARK] > INT32_MAX ||
        field[BYTES] > INT32_MAX)
        return "has a slice that there cannot be";
    if (self->size > 0 && (field[CONTAINER] >= self->size || field[BYTES] > self->size - field[CONTAINER]))
        return CNNSCORE_OUTSIDE;
    if (field[CONTIG] >= 0 && field[CONTIG] < self->contig) return "has contigs in disorder";
    if (field[CONTAINER] < self->offset) return "has slices in disorder";
    if (field[CONTIG] >= 0) self->contig = field[CONTIG];
    self->offset = field[CONTAINER];
    self->end = field[CONTAINER] + field[LANDMARK] + field[BYTES];
    bool is_looked_at = number < SLICES_LOOKED_AT || number % SLICES_PASSED_OVER == 0;
    if (self->major > 0 && is_looked_at && !is_as_its_header_says(self, field))
        return "has a slice elsewhere than it is";
    return NULL;
}

/* The version of a CRAM whose headers we read; else 0. */
static int version(hFILE *reads) {
    unsigned char magic[5];
    if (!reads || hread(reads, magic, sizeof magic) != (ssize_t)sizeof magic || memcmp(magic, "CRAM", 4) != 0)
        return 0;
    return magic[4] == 2 || magic[4] == 3 ? magic[4] : 0;
}

const char *cnnscore_slices_check(BGZF *index, const char *reads, int64_t size) {
    kstring_t line = {0};
    int length;
    checker self = {
        .reads = size > 0 && !hisremote(reads) ? hopen(reads, "r") : NULL, .size = size, .contig = -1};
    const char *problem = NULL;
    self.major = version(self.reads);
    for (int64_t i = 0; !problem && (length = bgzf_getline(index, '\n', &line)) >= 0; i++)
        problem = index->errcode                     ? "is damaged"
                  : strlen(line.s) != (size_t)length ? "has a line that is no slice"
                                                     : check_slice(&self, i, line.s);
    if (!problem && (length < -1 || index->errcode)) problem = "is damaged";
    if (!problem && self.end > 0 && size - self.end > CRAM_REST) problem = "leaves slices out";
    if (self.reads) hclose_abruptly(self.reads);
    free(line.s);
    return problem;
}
