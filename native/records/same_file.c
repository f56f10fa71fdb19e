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

/* An input, or an index beside it. */
static int check_input(const char *output, const struct stat *there, const char *input, cnnscore_error *err) {
    static const char *const suffixes[] = {"", ".fai", ".gzi", ".bai", ".csi", ".crai", ".tbi"};
    char *name = cnnscore_data_name(input);
    int code = name ? CNNSCORE_OK : cnnscore_fail_memory(err);
    for (size_t i = 0; code == CNNSCORE_OK && i < sizeof suffixes / sizeof *suffixes; i++) {
        char *file;
        struct stat found;
        if (asprintf(&file, "%s%s", name, suffixes[i]) < 0) {
            code = cnnscore_fail_memory(err);
            break;
        }
        if (find(file, &found) && is_one(there, &found))
            code =
                cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                              "the output %s would replace the input %s: give it another name", output, file);
        free(file);
    }
    free(name);
    return code;
}

int cnnscore_check_output(const char *output, const char *const *inputs, int32_t n, cnnscore_error *err) {
    struct stat there;
    if (!find(output, &there)) return CNNSCORE_OK;
    int code = CNNSCORE_OK;
    for (int32_t i = 0; code == CNNSCORE_OK && i < n; i++) code = check_input(output, &there, inputs[i], err);
    return code;
}
