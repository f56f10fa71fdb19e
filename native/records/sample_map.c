/* sample_map.c: the table of --sample-map. */
#include "sample_map.h"

#include <errno.h>
#include <htslib/khash_str2int.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "grow.h"
#include "read_groups.h"
#include "same_file.h"

struct cnnscore_sample_map {
    char *path, *text;
    cnnscore_sample_row *rows;
    const char **files; /* of all rows */
    size_t n_rows, row_capacity, n_files, file_capacity;
};

void cnnscore_sample_map_free(cnnscore_sample_map *self) {
    if (!self) return;
    free(self->path);
    free(self->text);
    free(self->rows);
    free(self->files);
    free(self);
}

int32_t cnnscore_sample_map_rows(const cnnscore_sample_map *self) {
    return (int32_t)self->n_rows;
}

const cnnscore_sample_row *cnnscore_sample_map_row(const cnnscore_sample_map *self, int32_t i) {
    return &self->rows[i];
}

/* ---- text ---- */

/* Bytes of the UTF-8 sequence at `at`, of which there are `left`; 0: it is none. Surrogates and longer forms
 * than needed are not told apart from others: names of files are bytes. */
static size_t sequence(const unsigned char *at, size_t left) {
    size_t n = *at < 0x80 ? 1 : *at >= 0xC2 && *at < 0xE0 ? 2 : (*at & 0xF0) == 0xE0 ? 3 : *at < 0xF5 ? 4 : 0;
    if (*at >= 0x80 && *at < 0xC2) return 0;
    if (n > left) return 0;
    for (size_t i = 1; i < n; i++)
        if ((at[i] & 0xC0) != 0x80) return 0;
    return n;
}

static bool is_text(const char *text, size_t length) {
    const unsigned char *at = (const unsigned char *)text;
    for (size_t i = 0, n; i < length; i += n) {
        n = sequence(at + i, length - i);
        if (n == 0 || at[i] == 0) return false;
    }
    return true;
}

static int read_text(cnnscore_sample_map *self, size_t *length, cnnscore_error *err) {
    size_t capacity = 0, n = 0;
    errno = 0;
    FILE *file = fopen(self->path, "rb");
    int code = CNNSCORE_OK;
    while (file && code == CNNSCORE_OK) {
        if (cnnscore_reserve(&self->text, &capacity, *length + 65536, 1) < 0)
            code = cnnscore_fail_memory(err);
        else if ((n = fread(self->text + *length, 1, 65535, file)) == 0)
            break;
        *length += n;
    }
    if (code == CNNSCORE_OK && (!file || ferror(file)))
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "cannot read the sample map %s: %s; give a table with tabs of samples, their "
                             "reads and, if known, depths",
                             self->path, strerror(errno));
    if (file) fclose(file);
    if (code == CNNSCORE_OK && !is_text(self->text, *length))
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT, "the sample map %s is no text in UTF-8", self->path);
    if (code == CNNSCORE_OK) self->text[*length] = '\0';
    return code;
}

static char *strip(char *text) {
    text += strspn(text, " \t\r\n\v\f");
    for (size_t n = strlen(text); n && strchr(" \t\r\n\v\f", text[n - 1]); n--) text[n - 1] = '\0';
    return text;
}

/* ---- one row ---- */

static int fail_depth(const cnnscore_sample_map *self, const cnnscore_sample_row *row, const char *text,
                      cnnscore_error *err) {
    return cnnscore_fail(
        err, CNNSCORE_ERR_INPUT,
        "%s: row %d (%s) has the depth %s: give a number above 0, as `cnnscore depth` prints "
        "it, or leave it out",
        self->path, row->row, row->sample, text);
}

static int set_depth(const cnnscore_sample_map *self, cnnscore_sample_row *row, const char *text,
                     cnnscore_error *err) {
    row->depth = NAN;
    if (!*text || strcmp(text, ".") == 0) return CNNSCORE_OK;
    char *end;
    double depth = strtod(text, &end);
    if (*end || strpbrk(text, "xX") || !(depth > 0) || isinf(depth) || isinf((float)depth) ||
        !((float)depth > 0))
        return fail_depth(self, row, text, err);
    row->depth = (float)depth;
    return CNNSCORE_OK;
}

static int add_file(cnnscore_sample_map *self, cnnscore_sample_row *row, const char *name,
                    cnnscore_error *err) {
    for (int32_t i = 0; i < row->n_reads; i++)
        if (cnnscore_same_file(self->files[self->n_files - 1 - (size_t)i], name))
            return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                                 "%s: row %d (%s) has %s twice: its reads would count twice", self->path,
                                 row->row, row->sample, name);
    if (cnnscore_reserve(&self->files, &self->file_capacity, self->n_files + 2, sizeof *self->files) < 0)
        return cnnscore_fail_memory(err);
    self->files[self->n_files++] = name;
    row->n_reads++;
    return CNNSCORE_OK;
}

static int add_files(cnnscore_sample_map *self, cnnscore_sample_row *row, char *names, cnnscore_error *err) {
    int code = CNNSCORE_OK;
    for (char *name; code == CNNSCORE_OK && (name = strsep(&names, ",")) != NULL;) {
        name = strip(name);
        code = *name ? add_file(self, row, name, err)
                     : cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: row %d lacks the name of a read file",
                                     self->path, row->row);
    }
    return code;
}

static int add_row(cnnscore_sample_map *self, void *known, int32_t number, char *line, cnnscore_error *err) {
    char *fields[3] = {NULL};
    int n = 0, first = 0;
    for (char *field; (field = strsep(&line, "\t")) != NULL; n++)
        if (n < 3) fields[n] = strip(field);
    if (n < 2 || n > 3)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s: row %d has %d field%s between tabs: give a sample, its reads (BAM or CRAM, "
                             "commas between) and, if wanted, its depth",
                             self->path, number, n, n == 1 ? "" : "s");
    if (!*fields[0])
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s: row %d lacks the sample", self->path, number);
    if (khash_str2int_get(known, fields[0], &first) == 0)
        return cnnscore_fail(
            err, CNNSCORE_ERR_INPUT,
            "%s: row %d has the sample %s of row %d: give all its reads in one row, commas between",
            self->path, number, fields[0], first);
    if (khash_str2int_set(known, fields[0], number) < 0 ||
        cnnscore_reserve(&self->rows, &self->row_capacity, self->n_rows + 1, sizeof *self->rows) < 0)
        return cnnscore_fail_memory(err);
    cnnscore_sample_row *row = &self->rows[self->n_rows++];
    *row = (cnnscore_sample_row){.sample = fields[0], .row = number};
    int code = add_files(self, row, fields[1], err);
    return code == CNNSCORE_OK ? set_depth(self, row, n == 3 ? fields[2] : "", err) : code;
}

static int read_rows(cnnscore_sample_map *self, size_t length, cnnscore_error *err) {
    static const char mark[] = "\xEF\xBB\xBF";
    char *left = self->text + (length >= 3 && memcmp(self->text, mark, 3) == 0 ? 3 : 0);
    void *known = khash_str2int_init();
    int code = known ? CNNSCORE_OK : cnnscore_fail_memory(err);
    int32_t number = 0;
    for (char *line; code == CNNSCORE_OK && (line = strsep(&left, "\n")) != NULL;) {
        number++;
        char begin = line[strspn(line, " \t\r\v\f")];
        if (begin && begin != '#') code = add_row(self, known, number, line, err);
    }
    if (known) khash_str2int_destroy(known);
    if (code == CNNSCORE_OK && self->n_rows == 0)
        code = cnnscore_fail(err, CNNSCORE_ERR_INPUT, "the sample map %s has no row: sample, tab, reads",
                             self->path);
    size_t file = 0; /* where the files lie is known now */
    for (size_t i = 0; code == CNNSCORE_OK && i < self->n_rows; i++) {
        self->rows[i].reads = self->files + file;
        file += (size_t)self->rows[i].n_reads;
    }
    return code;
}

int cnnscore_sample_map_read(const char *path, cnnscore_sample_map **map, cnnscore_error *err) {
    *map = NULL;
    cnnscore_sample_map *self = calloc(1, sizeof *self);
    if (!self) return cnnscore_fail_memory(err);
    self->path = strdup(path);
    size_t length = 0;
    int code = self->path ? read_text(self, &length, err) : cnnscore_fail_memory(err);
    if (code == CNNSCORE_OK) code = read_rows(self, length, err);
    if (code == CNNSCORE_OK)
        *map = self;
    else
        cnnscore_sample_map_free(self);
    return code;
}

/* ---- beside calls ---- */

int cnnscore_sample_map_match(const cnnscore_sample_map *self, const cnnscore_calls *calls, int32_t *row,
                              cnnscore_error *err) {
    int32_t n = cnnscore_calls_samples(calls);
    for (int32_t i = 0; i < n; i++) row[i] = -1;
    for (size_t i = 0; i < self->n_rows; i++) {
        int32_t column = cnnscore_calls_sample(calls, self->rows[i].sample);
        if (column < 0)
            return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                                 "%s: row %d: %s has no sample %s: take the row out, or write the name as "
                                 "`bcftools query -l` does",
                                 self->path, self->rows[i].row, calls->given, self->rows[i].sample);
        row[column] = (int32_t)i;
    }
    return CNNSCORE_OK;
}

int32_t cnnscore_sample_map_warn(const cnnscore_sample_map *self, const cnnscore_calls *calls,
                                 const int32_t *row, cnnscore_error *warning) {
    int32_t n = cnnscore_calls_samples(calls), missing = 0;
    cnnscore_names names = {0};
    for (int32_t i = 0; i < n; i++) {
        if (row[i] >= 0) continue;
        missing++;
        cnnscore_names_add(&names, cnnscore_calls_sample_name(calls, i));
    }
    char *text = cnnscore_names_text(&names);
    if (missing)
        cnnscore_fail(warning, CNNSCORE_OK,
                      "%s has no row for %d of %d samples of %s, which get no scores: %s", self->path,
                      missing, n, calls->given, text ? text : "");
    free(text);
    cnnscore_names_free(&names);
    return missing > 0;
}

void cnnscore_sample_map_name(const cnnscore_sample_map *self, int32_t i, cnnscore_error *err) {
    cnnscore_error said = *err;
    cnnscore_fail(err, said.code, "%s: row %d (%s): %s", self->path, self->rows[i].row, self->rows[i].sample,
                  said.message);
}
