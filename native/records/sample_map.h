/* sample_map.h: a table of a cohort's samples -> where the reads of each lie. */
#ifndef CNNSCORE_SAMPLE_MAP_H
#define CNNSCORE_SAMPLE_MAP_H

#include "records.h"

/* cdef begin */

typedef struct cnnscore_sample_map cnnscore_sample_map;
typedef struct {
    const char *sample;
    const char *const *reads; /* [n_reads] BAM or CRAM */
    int32_t n_reads;
    float depth; /* how deep the sample usually is; NaN: to be measured */
    int32_t row; /* its line in the table, from 1 on */
} cnnscore_sample_row;

/* Read a table with tabs and without a header line, as GenomicsDBImport's sample name map: the sample, its
 * read files with commas between, and where it is known its depth. Empty lines, and those that begin with #,
 * are passed over. INPUT that names the row. */
int cnnscore_sample_map_read(const char *path, cnnscore_sample_map **map, cnnscore_error *err);
void cnnscore_sample_map_free(cnnscore_sample_map *map);
int32_t cnnscore_sample_map_rows(const cnnscore_sample_map *map);
/* Row `i`, from 0 on. */
const cnnscore_sample_row *cnnscore_sample_map_row(const cnnscore_sample_map *map, int32_t i);

/* For each sample column of the calls the row that it has in the table, -1 where it has none: [samples].
 * INPUT for a row of a sample that the calls lack. */
int cnnscore_sample_map_match(const cnnscore_sample_map *map, const cnnscore_calls *calls, int32_t *row,
                              cnnscore_error *err);
/* Whether samples of the calls have no row, by what cnnscore_sample_map_match found; the warning. */
int32_t cnnscore_sample_map_warn(const cnnscore_sample_map *map, const cnnscore_calls *calls,
                                 const int32_t *row, cnnscore_error *warning);
/* Put the table and row `i` before a message. */
void cnnscore_sample_map_name(const cnnscore_sample_map *map, int32_t i, cnnscore_error *err);

/* cdef end */
#endif
