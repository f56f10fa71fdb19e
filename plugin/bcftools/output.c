/* output.c: write aside, index, rename.
 * The same steps as python/cnnscore/calls/output.py. */
#define _GNU_SOURCE /* asprintf */
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "same_file.h"

int output_check(const plugin_options *o, const cnnscore_sample_map *map, cnnscore_error *err) {
    size_t most = (size_t)o->n_reads + 4;
    int32_t n_rows = map ? cnnscore_sample_map_rows(map) : 0, n = 0;
    for (int32_t i = 0; i < n_rows; i++) most += (size_t)cnnscore_sample_map_row(map, i)->n_reads;
    const char **inputs = calloc(most, sizeof *inputs);
    if (!inputs) return cnnscore_fail_memory(err);
    inputs[n++] = o->reference;
    if (o->sample_map) inputs[n++] = o->sample_map;
    if (o->regions_file) inputs[n++] = o->regions;
    if (o->targets_file) inputs[n++] = o->targets + (*o->targets == '^');
    for (int32_t i = 0; i < o->n_reads; i++) inputs[n++] = o->reads[i];
    for (int32_t i = 0; i < n_rows; i++) {
        const cnnscore_sample_row *row = cnnscore_sample_map_row(map, i);
        for (int32_t k = 0; k < row->n_reads; k++) inputs[n++] = row->reads[k];
    }
    int code = cnnscore_check_output(o->output, inputs, n, err);
    free(inputs);
    return code;
}

/* What a run that had an index left goes too, whether this one has an index or not. */
static int remove_left_indexes(const char *path, cnnscore_error *err) {
    static const char *const suffixes[] = {"tbi", "csi"};
    for (int i = 0; i < 2; i++) {
        char *index;
        if (asprintf(&index, "%s.%s", path, suffixes[i]) < 0) return cnnscore_fail_memory(err);
        aside_remove_left(index);
        free(index);
    }
    return CNNSCORE_OK;
}

static int open_index(plugin_output *output, cnnscore_error *err) {
    if (asprintf(&output->index_path, "%s.%s", output->file.path, output->index) < 0) {
        output->index_path = NULL;
        return cnnscore_fail_memory(err);
    }
    int code = aside_find(output->index_path, &output->index_file, err);
    return code == CNNSCORE_OK && output->index_file.target ? aside_begin(&output->index_file, err) : code;
}

int output_open(plugin_output *output, cnnscore_calls *calls, const plugin_options *o, cnnscore_error *err) {
    *output = (plugin_output){.index = o->index};
    bool is_stdout = strcmp(o->output, "-") == 0;
    int code = is_stdout ? CNNSCORE_OK : aside_find(o->output, &output->file, err);
    if (code != CNNSCORE_OK) return code;
    bool aside = output->file.target != NULL;
    if (o->index && !aside)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "-W needs a file and a compressed output: -o FILE with -O z or -O b");
    if (aside) code = remove_left_indexes(o->output, err);
    if (code == CNNSCORE_OK && o->index) code = open_index(output, err);
    if (code == CNNSCORE_OK && aside) code = aside_begin(&output->file, err);
    if (code != CNNSCORE_OK) return code;
    return cnnscore_writer_open(calls, aside ? output->file.part : o->output,
                                is_stdout ? "standard output" : o->output, o->mode, 0, &output->writer, err);
}

static int finish_index(plugin_output *output, cnnscore_error *err) {
    const char *part = output->index_file.part;
    return cnnscore_index_build(output->file.part, part ? part : output->index_path,
                                strcmp(output->index, "csi") == 0, output->file.path, err);
}

static int remove_index(const char *index, cnnscore_error *err) {
    if (unlink(index) == 0 || errno == ENOENT || errno == ENAMETOOLONG) return CNNSCORE_OK;
    return cnnscore_fail(err, CNNSCORE_ERR_OUTPUT, "cannot write %s: %s", index, strerror(errno));
}

/* The indexes of what was there before go first: at no moment has an output another one's. The one that is
 * replaced goes by the end of its links, which stay. */
static int remove_indexes(plugin_output *output, cnnscore_error *err) {
    static const char *const suffixes[] = {"tbi", "csi"};
    const char *names[] = {output->file.path, output->file.target};
    int code = CNNSCORE_OK;
    for (int i = 0; code == CNNSCORE_OK && i < 4; i++) {
        char *index;
        if (asprintf(&index, "%s.%s", names[i / 2], suffixes[i % 2]) < 0) return cnnscore_fail_memory(err);
        bool is_replaced = output->index_path && strcmp(index, output->index_path) == 0;
        if (!is_replaced)
            code = remove_index(index, err);
        else if (output->index_file.part)
            code = remove_index(output->index_file.target, err);
        free(index);
    }
    return code;
}

/* The output and its index take their names. */
static int fill(plugin_output *output, cnnscore_error *err) {
    int code = remove_indexes(output, err);
    if (code == CNNSCORE_OK) code = aside_fill(&output->file, err);
    if (code == CNNSCORE_OK && output->index_file.part) {
        code = aside_fill(&output->index_file, err);
        if (code != CNNSCORE_OK) unlink(output->file.target); /* without the index it was to have */
    }
    return code;
}

int output_finish(plugin_output *output, cnnscore_error *err) {
    int code = cnnscore_writer_close(output->writer, err);
    output->writer = NULL;
    if (code == CNNSCORE_OK && output->index) code = finish_index(output, err);
    if (code == CNNSCORE_OK && output->file.part) {
        aside_hold_signals();
        code = fill(output, err);
        aside_release_signals();
    }
    output_close(output);
    return code;
}

void output_close(plugin_output *output) {
    cnnscore_writer_close(output->writer, NULL);
    aside_forget(&output->file);
    aside_forget(&output->index_file);
    free(output->index_path);
    memset(output, 0, sizeof *output);
}
