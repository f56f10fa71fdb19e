/* fasta_check.c: FAI, and the GZI of a bgzipped FASTA.
 *
 * htslib 1.16 to 1.24 end the process where a GZI was altered, or a FAI points past the end of a bgzipped
 * FASTA, and give other bases where a FAI's numbers were altered. */
#define _GNU_SOURCE /* asprintf */
#include "fasta_check.h"
#include "looked_at.h"
#include "shell_word.h"

#include <ctype.h>
#include <fcntl.h>
#include <htslib/bgzf.h>
#include <htslib/hfile.h>
#include <htslib/kstring.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_HEADER 18 /* bytes of a BGZF block before its data */
#define BLOCK_SIZE_AT 16
#define CONTENT_SIZE 4  /* bytes at a block's end that say how much it holds */
#define FAI_NUMBERS 4   /* behind the name: bases, offset, bases per line, bytes per line */
#define LINE_MOST 65536 /* of a FASTA's header line; what is longer is not looked at */
#define NO_FIT "does not fit its file"

typedef struct {
    int file;      /* the FASTA */
    int64_t size;  /* of the file */
    BGZF *content; /* the same where it is compressed, else NULL */
    int64_t bytes; /* of its content */
    uint8_t text[LINE_MOST];
} fasta;

/* ---- GZI: a count, then where blocks begin, packed and unpacked ---- */

static uint64_t little_endian(const uint8_t *bytes, int n) {
    uint64_t value = 0;
    while (n-- > 0) value = value << 8 | bytes[n];
    return value;
}

/* The block at `at`, which begins with `head`: its bytes, and how many it holds; `head` becomes the next
 * one's, which lies beside this one's end. */
static bool look_at_block(const fasta *self, int64_t at, uint8_t *head, int64_t *packed, int64_t *content) {
    static const uint8_t magic[4] = {31, 139, 8, 4};
    uint8_t edge[CONTENT_SIZE + BLOCK_HEADER];
    if (memcmp(head, magic, sizeof magic) != 0) return false;
    *packed = (int64_t)little_endian(head + BLOCK_SIZE_AT, 2) + 1;
    ssize_t n = pread(self->file, edge, sizeof edge, at + *packed - CONTENT_SIZE);
    bool is_last = n == CONTENT_SIZE && at + *packed == self->size;
    if (n != (ssize_t)sizeof edge && !is_last) return false;
    *content = (int64_t)little_endian(edge, CONTENT_SIZE);
    if (!is_last) memcpy(head, edge + CONTENT_SIZE, BLOCK_HEADER);
    return true;
}

/* An entry per block, but the first and those that hold nothing: htslib looks for a base in the last block
 * that it knows of. */
static const char *check_blocks(fasta *self, const uint8_t *entries, uint64_t n) {
    int64_t packed, content;
    uint64_t known = 0;
    uint8_t head[BLOCK_HEADER];
    self->bytes = 0;
    if (pread(self->file, head, sizeof head, 0) != (ssize_t)sizeof head) return NO_FIT;
    for (int64_t at = 0; at < self->size; at += packed, self->bytes += content) {
        if (!look_at_block(self, at, head, &packed, &content)) return NO_FIT;
        const uint8_t *entry = entries + 16 * known;
        if (known < n && little_endian(entry, 8) == (uint64_t)at) {
            if (little_endian(entry + 8, 8) != (uint64_t)self->bytes) return NO_FIT;
            known++;
        } else if (at > 0 && content > 0)
            return "leaves blocks out, or " NO_FIT;
    }
    return known == n ? NULL : NO_FIT;
}

static const char *check_gzi(fasta *self, const char *name) {
    const char *problem = "cannot be read";
    struct stat status;
    FILE *index = fopen(name, "rb");
    size_t size = index && fstat(fileno(index), &status) == 0 ? (size_t)status.st_size : 0;
    uint8_t *bytes = size >= 8 ? malloc(size) : NULL;
    if (bytes && fread(bytes, 1, size, index) == size) {
        uint64_t n = little_endian(bytes, 8);
        problem = n != (size - 8) / 16 || (size - 8) % 16 ? "is of another length than it says"
                                                          : check_blocks(self, bytes + 8, n);
    } else if (index && size < 8)
        problem = "is cut short";
    free(bytes);
    if (index) fclose(index);
    return problem;
}

/* ---- FAI: a contig per line ---- */

/* Up to `n` bytes of content from `at` on, into `text`. */
static int64_t read_content(fasta *self, int64_t at, int64_t n) {
    if (!self->content) return pread(self->file, self->text, (size_t)n, at);
    return bgzf_useek(self->content, at, SEEK_SET) < 0 ? -1 : bgzf_read(self->content, self->text, (size_t)n);
}

/* Whether ">NAME" stands on the line before `offset`. */
static bool is_named(fasta *self, const char *name, int64_t offset) {
    size_t length = strlen(name);
    int64_t most = offset < LINE_MOST ? offset : LINE_MOST, n = most < 256 ? most : 256, begin;
    for (;; n = n * 16 < most ? n * 16 : most) { /* most lines are short */
        if (read_content(self, offset - n, n) != n || n < 1 || self->text[n - 1] != '\n') return false;
        for (begin = n - 1; begin > 0 && self->text[begin - 1] != '\n'; begin--) continue;
        if (begin > 0 || n == most) break;
    }
    if (begin == 0 && n < offset) return true; /* of a line that long */
    if (self->text[begin++] != '>') return false;
    while (begin < n - 1 && isspace(self->text[begin])) begin++; /* as htslib does */
    return n - begin > (int64_t)length && memcmp(self->text + begin, name, length) == 0 &&
           isspace(self->text[begin + (int64_t)length]);
}

/* Whether the bases of a contig end where they are said to: with the file, or before another contig. */
static bool ends_at(fasta *self, int64_t end) {
    enum { BASE = 1, REST = 64 };
    int64_t n = read_content(self, end - BASE, BASE + REST), at = BASE;
    if (n < BASE || !isgraph(self->text[0])) return false;
    while (at < n && isspace(self->text[at])) at++;
    return at == n || (self->text[at] == '>' && self->text[at - 1] == '\n');
}

static bool is_line(fasta *self, int64_t offset, int64_t bases, int64_t bytes) {
    return bytes > bases && bytes <= LINE_MOST
               ? read_content(self, offset, bytes) == bytes && isspace(self->text[bases]) &&
                     self->text[bytes - 1] == '\n'
               : bytes > bases;
}

static const char *check_contig(fasta *self, const char *name, const int64_t number[FAI_NUMBERS]) {
    int64_t length = number[0], offset = number[1], bases = number[2], bytes = number[3], end = offset;
    if (offset > self->bytes) return NO_FIT;
    if (length > 0) {
        int64_t last = length - 1, rest = self->bytes - offset;
        if (bases < 1 || bytes < bases || last / bases > rest / bytes) return NO_FIT;
        end = offset + last / bases * bytes + last % bases + 1;
        if (end > self->bytes) return NO_FIT;
    }
    if (self->file < 0) return NULL;
    if (!is_named(self, name, offset)) return NO_FIT;
    bool fits =
        length == 0 || ((length <= bases || is_line(self, offset, bases, bytes)) && ends_at(self, end));
    return fits ? NULL : NO_FIT;
}

static const char *check_line(fasta *self, char *line) {
    static const char no_contig[] = "has a line that is no contig";
    int64_t number[FAI_NUMBERS];
    char *at = strchr(line, '\t');
    if (!at || at == line) return no_contig;
    *at++ = '\0';
    for (int i = 0; i < FAI_NUMBERS; i++) {
        char *rest;
        if (!isdigit((unsigned char)*at)) return no_contig;
        number[i] = strtoll(at, &rest, 10);
        if (*rest != (i < FAI_NUMBERS - 1 ? '\t' : '\0') || number[i] == INT64_MAX ||
            (i > 1 && number[i] > INT32_MAX))
            return no_contig;
        at = rest + 1;
    }
    return check_contig(self, line, number);
}

static char *get_line(char *line, int size, void *file) {
    return hgets(line, size, file);
}

static const char *check_fai(fasta *self, const char *name) {
    kstring_t line = KS_INITIALIZE;
    const char *problem = NULL;
    hFILE *index = hopen(name, "r");
    if (!index) return "cannot be read";
    bool has_any = false;
    while (!problem && kgetline(&line, get_line, index) >= 0) {
        problem = check_line(self, line.s);
        has_any = true;
        line.l = 0;
    }
    if (!problem && herrno(index)) problem = "cannot be read";
    if (!problem && !has_any) problem = "is empty";
    hclose_abruptly(index);
    ks_free(&line);
    return problem;
}

/* ---- both ---- */

static bool is_compressed(const fasta *self) {
    uint8_t magic[2];
    return self->file >= 0 && pread(self->file, magic, 2, 0) == 2 && magic[0] == 31 && magic[1] == 139;
}

int cnnscore_fasta_check(const char *data, const char *index, cnnscore_error *err) {
    const char *problem = NULL, *of = index;
    char *gzi = NULL;
    struct stat status;
    fasta *self = malloc(sizeof *self);
    if (!self || asprintf(&gzi, "%s.gzi", data) < 0) {
        free(self);
        return cnnscore_fail_memory(err);
    }
    cnnscore_look files =
        cnnscore_look_at(CNNSCORE_INDEXED_FASTA, data, index, access(gzi, F_OK) == 0 ? gzi : NULL);
    if (cnnscore_was_good(&files, NULL)) {
        free(self);
        free(gzi);
        return CNNSCORE_OK;
    }
    *self = (fasta){.file = hisremote(data) ? -1 : open(data, O_RDONLY | O_CLOEXEC), .bytes = INT64_MAX};
    if (self->file >= 0 && fstat(self->file, &status) == 0) self->bytes = self->size = status.st_size;
    /* Without a GZI, or of plain gzip: htslib says what is wrong. */
    bool is_packed = is_compressed(self), is_looked_at = !is_packed || access(gzi, F_OK) == 0;
    if (is_packed && is_looked_at) {
        problem = check_gzi(self, gzi);
        self->content = problem ? NULL : bgzf_open(data, "r");
        if (!problem && (!self->content || bgzf_index_load(self->content, gzi, NULL) < 0))
            problem = "cannot be read";
        if (problem) of = gzi;
    }
    if (!problem && is_looked_at) problem = check_fai(self, index);
    int code = CNNSCORE_OK;
    if (problem)
        code =
            cnnscore_fail(err, CNNSCORE_ERR_INPUT, "the index %s %s: make it anew with `samtools faidx %s`",
                          of, problem, cnnscore_shell_word(data).text);
    else
        cnnscore_remember(&files, NULL);
    if (self->content) bgzf_close(self->content);
    if (self->file >= 0) close(self->file);
    free(self);
    free(gzi);
    return code;
}
