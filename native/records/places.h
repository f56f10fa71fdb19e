/* places.h: names -> where they stand in a list, found at once however many there are. */
#ifndef CNNSCORE_PLACES_H
#define CNNSCORE_PLACES_H

#include <stdint.h>

typedef struct cnnscore_places cnnscore_places;

/* To be freed by cnnscore_places_free; NULL: out of memory. */
cnnscore_places *cnnscore_places_new(void);
void cnnscore_places_free(cnnscore_places *self);
/* The place of a name, -1 where it has none. */
int32_t cnnscore_places_find(cnnscore_places *self, const char *name);
/* Give a name, which outlives this, its place, unless it has one. Returns 0, or -1 when memory is short. */
int cnnscore_places_add(cnnscore_places *self, const char *name, int32_t place);

#endif
