/* output.h: an output file that appears under its name only when it is whole. */
#ifndef CNNSCORE_PLUGIN_OUTPUT_H
#define CNNSCORE_PLUGIN_OUTPUT_H

#include "aside.h"
#include "options.h"
#include "records.h"
#include "sample_map.h"

typedef struct {
    cnnscore_writer *writer;
    const char *index; /* "tbi", "csi" or NULL */
    char *index_path;
    aside_file file, index_file;
} plugin_output;

/* USAGE where the output would replace one of the files that are read; calls may be, by what is made of them.
 */
int output_check(const plugin_options *options, const cnnscore_sample_map *map, cnnscore_error *err);
/* Open `options->output`, aside when it is a regular file, and write the header of `calls`.
 * Until output_finish, signals that end the process remove what is unfinished. One output a process. */
int output_open(plugin_output *output, cnnscore_calls *calls, const plugin_options *options,
                cnnscore_error *err);
/* Close, index, rename. On failure nothing remains. */
int output_finish(plugin_output *output, cnnscore_error *err);
/* Close and remove what is unfinished, free the rest. After output_finish too. */
void output_close(plugin_output *output);

#endif
