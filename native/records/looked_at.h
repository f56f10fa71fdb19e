/* looked_at.h: a file and its index that were looked at, and found good, need no second look while they stay
 * the same: a run over many shards, or a server, opens them again and again. */
#ifndef CNNSCORE_LOOKED_AT_H
#define CNNSCORE_LOOKED_AT_H

#include <stdbool.h>
#include <stdint.h>

#include "index_check.h"

/* What was looked at, and how; before the look, so that a change meanwhile is another file. */
typedef struct {
    int32_t look;
    int32_t may_last; /* files of this machine, each left alone for a while */
    struct {
        uint64_t device, number;
        int64_t size, changed_s, changed_ns, written_s, written_ns;
    } file[3]; /* the data, its index, and another index or nothing */
} cnnscore_look;

/* Looks beside those of `cnnscore_indexed`. */
enum { CNNSCORE_LOOK_FITS = 16 };

cnnscore_look cnnscore_look_at(int32_t look, const char *data, const char *index, const char *other);
/* Whether this process had that look, and all was good; `contigs`, unless NULL, gets what was found then. Of
 * a file that cannot be remembered: false. */
bool cnnscore_was_good(const cnnscore_look *self, cnnscore_indexed_contigs *contigs);
/* All is good. Remembers the files, and a copy of `contigs` unless that is NULL. */
void cnnscore_remember(const cnnscore_look *self, const cnnscore_indexed_contigs *contigs);

#endif
