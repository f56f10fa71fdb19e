/* read_groups.h: what the @RG lines of read files say: whose reads these are. */
#ifndef CNNSCORE_READ_GROUPS_H
#define CNNSCORE_READ_GROUPS_H

#include <htslib/sam.h>
#include <stdbool.h>
#include <stddef.h>

/* Names, freed by cnnscore_names_free. */
typedef struct {
    char **name;
    size_t n, capacity;
} cnnscore_names;

void cnnscore_names_free(cnnscore_names *names);
bool cnnscore_names_have(const cnnscore_names *names, const char *name);
/* Sort by bytes, each name once. */
void cnnscore_names_sort(cnnscore_names *names);
/* Adds a name: 0, or -1 when memory is short. */
int cnnscore_names_add(cnnscore_names *names, const char *name);
/* For a message: "a, b and 7 others"; NULL when memory is short. */
char *cnnscore_names_text(const cnnscore_names *names);

/* Add the SM of all read groups to `samples`, and to `groups` the IDs of those whose SM is `sample`; NULL is
 * none. Returns 0, or -1 when memory is short. */
int cnnscore_read_groups_collect(sam_hdr_t *header, const char *sample, cnnscore_names *groups,
                                 cnnscore_names *samples);

#endif
