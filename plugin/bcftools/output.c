/* output.c: write aside, index, rename; remove what is unfinished, when killed too.
 * The same steps as python/cnnscore/calls/output.py. */
#define _GNU_SOURCE /* asprintf */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"

/* Names that a signal must not leave behind; NULL when there are none. */
static const char *volatile unfinished[2];

static void remove_and_die(int number) {
    for (int i = 0; i < 2; i++)
        if (unfinished[i]) unlink(unfinished[i]);
    signal(number, SIG_DFL);
    raise(number);
}

static void watch_signals(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction action = {.sa_handler = remove_and_die}, old;
        sigemptyset(&action.sa_mask);
        /* Ignored ones stay so: nohup, and background jobs of a shell. */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

static char *aside_name(const char *path) {
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    char *name;
    return asprintf(&name, "%.*s.%s.%d.part", (int)(file - path), path, file, getpid()) < 0 ? NULL : name;
}

int output_open(plugin_output *output, cnnscore_calls *calls, const plugin_options *o, cnnscore_error *err) {
    *output = (plugin_output){.path = o->output, .index = o->index};
    struct stat st;
    bool is_stdout = strcmp(o->output, "-") == 0;
    bool aside = !is_stdout && (stat(o->output, &st) != 0 || S_ISREG(st.st_mode));
    if (o->index && !aside)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "-W needs a file and a compressed output: -o FILE with -O z or -O b");
    if (aside) {
        output->aside = aside_name(o->output);
        if (!output->aside) return cnnscore_fail_memory(err);
        unfinished[0] = output->aside;
    }
    if (o->index) {
        if (asprintf(&output->index_aside, "%s.%s", output->aside, o->index) < 0 ||
            asprintf(&output->index_path, "%s.%s", o->output, o->index) < 0)
            return cnnscore_fail_memory(err);
        unfinished[1] = output->index_aside;
    }
    watch_signals();
    return cnnscore_writer_open(calls, aside ? output->aside : o->output,
                                is_stdout ? "standard output" : o->output, o->mode, 0, &output->writer, err);
}

static int rename_to(const char *from, const char *to, cnnscore_error *err) {
    if (rename(from, to) == 0) return CNNSCORE_OK;
    return cnnscore_fail(err, CNNSCORE_ERR_OUTPUT, "cannot write %s: %s", to, strerror(errno));
}

/* The index of what was there before goes first: at no moment has an output another one's. */
static int remove_old_index(const plugin_output *output, cnnscore_error *err) {
    if (unlink(output->index_path) == 0 || errno == ENOENT) return CNNSCORE_OK;
    return cnnscore_fail(err, CNNSCORE_ERR_OUTPUT, "cannot write %s: %s", output->index_path,
                         strerror(errno));
}

int output_finish(plugin_output *output, cnnscore_error *err) {
    int code = cnnscore_writer_close(output->writer, err);
    output->writer = NULL;
    if (code == CNNSCORE_OK && output->index)
        code =
            cnnscore_index_build(output->aside, output->index_aside, strcmp(output->index, "csi") == 0, err);
    if (code == CNNSCORE_OK && output->index) code = remove_old_index(output, err);
    if (code == CNNSCORE_OK && output->aside) code = rename_to(output->aside, output->path, err);
    if (code == CNNSCORE_OK && output->index) {
        utimensat(AT_FDCWD, output->index_aside, NULL, 0); /* never older than what it indexes */
        code = rename_to(output->index_aside, output->index_path, err);
        if (code != CNNSCORE_OK) unlink(output->path);
    }
    output_close(output);
    return code;
}

void output_close(plugin_output *output) {
    cnnscore_writer_close(output->writer, NULL);
    if (output->aside) unlink(output->aside);
    if (output->index_aside) unlink(output->index_aside);
    unfinished[0] = unfinished[1] = NULL;
    free(output->aside);
    free(output->index_aside);
    free(output->index_path);
    memset(output, 0, sizeof *output);
}
