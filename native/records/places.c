/* places.c: htslib's hash table of names and numbers. */
#include "places.h"

#include <htslib/khash_str2int.h>

cnnscore_places *cnnscore_places_new(void) {
    return khash_str2int_init();
}

void cnnscore_places_free(cnnscore_places *self) {
    if (self) khash_str2int_destroy(self);
}

int32_t cnnscore_places_find(cnnscore_places *self, const char *name) {
    int place;
    return khash_str2int_get(self, name, &place) == 0 ? place : -1;
}

int cnnscore_places_add(cnnscore_places *self, const char *name, int32_t place) {
    if (khash_str2int_has_key(self, name)) return 0;
    return khash_str2int_set(self, name, place) < 0 ? -1 : 0;
}
