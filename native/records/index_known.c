/* index_known.c: an index is looked at once, and what it tells of contigs is kept. */
#include <stdlib.h>

#include "index_check.h"
#include "looked_at.h"

static int by_offsets(const void *a, const void *b) {
    const cnnscore_indexed_contig *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static int look(const char *name, const char *index, cnnscore_indexed what, cnnscore_indexed_contigs *contigs,
                cnnscore_error *err) {
    char *data = cnnscore_data_name(name);
    if (!data) return cnnscore_fail_memory(err);
    cnnscore_look files = cnnscore_look_at((int32_t)what, data, index, NULL);
    int code = CNNSCORE_OK;
    if (!cnnscore_was_good(&files, contigs)) {
        code = cnnscore_index_look(data, index, what, contigs, err);
        if (contigs && contigs->n > 0) qsort(contigs->items, contigs->n, sizeof *contigs->items, by_offsets);
        if (code == CNNSCORE_OK) cnnscore_remember(&files, contigs);
    }
    free(data);
    return code;
}

int cnnscore_index_contigs(const char *name, const char *index, cnnscore_indexed_contigs *contigs,
                           cnnscore_error *err) {
    return look(name, index, CNNSCORE_INDEXED_CALLS, contigs, err);
}

int cnnscore_index_check(const char *name, const char *index, cnnscore_indexed what, cnnscore_error *err) {
    if (what != CNNSCORE_INDEXED_CALLS) return look(name, index, what, NULL, err);
    cnnscore_indexed_contigs contigs = {0}; /* who is to jump in the file asks for them next */
    int code = look(name, index, what, &contigs, err);
    cnnscore_indexed_contigs_free(&contigs);
    return code;
}

void cnnscore_indexed_contigs_free(cnnscore_indexed_contigs *contigs) {
    free(contigs->items);
    free(contigs->names);
}
