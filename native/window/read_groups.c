/* read_groups.c: what the @RG lines of read files say. */
#include "read_groups.h"

#include <htslib/kstring.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"

#define SHOWN 5 /* names that a message has */

void cnnscore_names_free(cnnscore_names *names) {
    for (size_t i = 0; i < names->n; i++) free(names->name[i]);
    free(names->name);
    *names = (cnnscore_names){0};
}

bool cnnscore_names_have(const cnnscore_names *names, const char *name) {
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->name[i], name) == 0) return true;
    return false;
}

static int compare_names(const void *left, const void *right) {
    const char *const *a = left, *const *b = right;
    return strcmp(*a, *b);
}

void cnnscore_names_sort(cnnscore_names *names) {
    size_t kept = 0;
    if (names->n) qsort(names->name, names->n, sizeof *names->name, compare_names);
    for (size_t i = 0; i < names->n; i++) {
        if (kept && strcmp(names->name[i], names->name[kept - 1]) == 0)
            free(names->name[i]);
        else
            names->name[kept++] = names->name[i];
    }
    names->n = kept;
}

int cnnscore_names_add(cnnscore_names *names, const char *name) {
    if (cnnscore_reserve(&names->name, &names->capacity, names->n + 1, sizeof *names->name) < 0) return -1;
    names->name[names->n] = strdup(name);
    return names->name[names->n] ? (names->n++, 0) : -1;
}

char *cnnscore_names_text(const cnnscore_names *names) {
    kstring_t text = KS_INITIALIZE;
    size_t shown = names->n > SHOWN + 1 ? SHOWN : names->n;
    int status = kputs("", &text);
    for (size_t i = 0; status >= 0 && i < shown; i++)
        status = ksprintf(&text, "%s%s", i ? ", " : "", names->name[i]);
    if (status >= 0 && shown < names->n) status = ksprintf(&text, " and %zu others", names->n - shown);
    if (status < 0) ks_free(&text);
    return text.s;
}

int cnnscore_read_groups_collect(sam_hdr_t *header, const char *sample, cnnscore_names *groups,
                                 cnnscore_names *samples) {
    int n = sam_hdr_count_lines(header, "RG"), status = 0;
    kstring_t value = KS_INITIALIZE;
    for (int i = 0; status == 0 && i < n; i++) {
        const char *id = sam_hdr_line_name(header, "RG", i);
        if (!id || sam_hdr_find_tag_id(header, "RG", "ID", id, "SM", &value) != 0) continue;
        const char *name = ks_c_str(&value);
        if (!*name) continue;
        status = cnnscore_names_add(samples, name);
        if (status == 0 && sample && strcmp(name, sample) == 0) status = cnnscore_names_add(groups, id);
    }
    ks_free(&value);
    return status;
}
