/* places.c: a hash table of names. */
#include "places.h"

#include <htslib/khash.h>
#include <stdlib.h>

KHASH_MAP_INIT_STR(place, int64_t)

struct cnnscore_places {
    khash_t(place) * table;
};

cnnscore_places *cnnscore_places_new(void) {
    cnnscore_places *self = calloc(1, sizeof *self);
    if (self && !(self->table = kh_init(place))) {
        free(self);
        return NULL;
    }
    return self;
}

void cnnscore_places_free(cnnscore_places *self) {
    if (!self) return;
    kh_destroy(place, self->table);
    free(self);
}

int64_t cnnscore_places_find(const cnnscore_places *self, const char *name) {
    khiter_t at = kh_get(place, self->table, name);
    return at == kh_end(self->table) ? -1 : kh_value(self->table, at);
}

int cnnscore_places_add(cnnscore_places *self, const char *name, int64_t place) {
    int is_new;
    khiter_t at = kh_put(place, self->table, name, &is_new);
    if (is_new < 0) return -1;
    if (is_new > 0) kh_value(self->table, at) = place;
    return 0;
}
