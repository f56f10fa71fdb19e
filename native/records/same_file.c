/* same_file.c: two names of one file. */
#define _GNU_SOURCE /* asprintf */
#include "same_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fail.h"
#include "index_find.h"

static bool find(const char *name, struct stat *found) {
    return stat(name, found) == 0 && S_ISREG(found->st_mode);
}

static bool is_one(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool cnnscore_same_file(const char *a, const char *b) {
    char *first = cnnscore_data_name(a), *second = cnnscore_data_name(b);
    struct stat one, other;
    bool same =
        first && second &&
        (strcmp(first, second) == 0 || (find(first, &one) && find(second, &other) && is_one(&one, &other)));
    free(first);
    free(second);
    return same;
}

/* The name of an input, or of an index beside it; NULL where there are no more, and an error where memory is
 * short. */
static char *name_beside(const char *name, int32_t beside, cnnscore_error *err) {
    static const char *const suffixes[] = {"", ".fai", ".gzi", ".bai", ".csi", ".crai", ".tbi"};
    if (beside < 0 || (size_t)beside >= sizeof suffixes / sizeof *suffixes) return NULL;
    char *data = cnnscore_data_name(name), *made = NULL;
    if (!data || asprintf(&made, "%s%s", data, suffixes[beside]) < 0) {
        made = NULL;
        cnnscore_fail_memory(err);
    }
    free(data);
    return made;
}

int32_t cnnscore_file_key(const char *name, int32_t beside, uint64_t key[2]) {
    struct stat found;
    char *file = name_beside(name, beside, NULL);
    if (!file) return -1;
    bool is_there = find(file, &found);
    free(file);
    if (!is_there) return 0;
    key[0] = (uint64_t)found.st_dev;
    key[1] = (uint64_t)found.st_ino;
    return 1;
}

static int check_input(const char *output, const struct stat *there, const char *input, cnnscore_error *err) {
    int code = CNNSCORE_OK;
    struct stat found;
    char *file;
    for (int32_t i = 0; code == CNNSCORE_OK && (file = name_beside(input, i, err)); i++) {
        if (find(file, &found) && is_one(there, &found))
            code =
                cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                              "the output %s would replace the input %s: give it another name", output, file);
        free(file);
    }
    return code;
}

int cnnscore_check_output(const char *output, const char *const *inputs, int32_t n, cnnscore_error *err) {
    struct stat there;
    if (!find(output, &there)) return CNNSCORE_OK;
    int code = CNNSCORE_OK;
    for (int32_t i = 0; code == CNNSCORE_OK && i < n; i++) code = check_input(output, &there, inputs[i], err);
    return code;
}
