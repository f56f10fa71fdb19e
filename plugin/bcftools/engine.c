/* engine.c: find and load libcnnscore.so.
 *
 * The plugin is not linked to it: bcftools loads plugins locally, and the interpreter's modules
 * need the library's symbols to be global. It is never unloaded, as interpreters cannot be. */
#define _GNU_SOURCE /* dladdr */
#include "engine.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "report.h"

#ifndef CNNSCORE_LIBRARY
#error "build with -DCNNSCORE_LIBRARY='\"path/of/libcnnscore.so\"', from the plugin's folder"
#endif

enum { LOG_INFO = 20, LOG_WARNING = 30 };

static void pass_on(void *data, int level, const char *message) {
    const plugin_options *options = data;
    if (level >= LOG_WARNING)
        report_warning("%s", message);
    else if (level >= LOG_INFO && options->verbose)
        report_note("%s", message);
}

/* The library that was installed with this plugin, into `path`: what is built in is the way to it from the
 * plugin's own folder, so the two can be moved together. */
static void find_beside(char *path, size_t size) {
    char folder[PATH_MAX] = "";
    Dl_info self;
    if (CNNSCORE_LIBRARY[0] != '/' && dladdr(__func__, &self) && realpath(self.dli_fname, folder)) {
        char *slash = strrchr(folder, '/');
        if (slash) slash[1] = '\0';
    }
    snprintf(path, size, "%s%s", folder, CNNSCORE_LIBRARY);
}

static int load(plugin_engine *engine, cnnscore_error *err) {
    char beside[2 * PATH_MAX];
    const char *path = getenv("CNNSCORE_LIBRARY");
    if (!path || !*path) {
        find_beside(beside, sizeof beside);
        path = beside;
    }
    void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!library)
        return cnnscore_fail(
            err, CNNSCORE_ERR_INPUT,
            "cannot load the engine %s (%s): install the two together (`pip install`, `make install`), or "
            "name it in the environment variable CNNSCORE_LIBRARY",
            path, dlerror());
    const struct {
        const char *name;
        void *slot;
    } symbols[] = {
        {"cnnscore_abi_version", &engine->abi_version},
        {"cnnscore_engine_open", &engine->open},
        {"cnnscore_engine_describe", &engine->describe},
        {"cnnscore_engine_score", &engine->score},
        {"cnnscore_engine_score_alleles", &engine->score_alleles},
        {"cnnscore_engine_close", &engine->close},
    };
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *symbol = dlsym(library, symbols[i].name);
        if (!symbol)
            return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                                 "%s is not an engine of cnnscore: it has no %s. Name the right "
                                 "libcnnscore.so in the environment variable CNNSCORE_LIBRARY",
                                 path, symbols[i].name);
        memcpy(symbols[i].slot, &symbol, sizeof symbol); /* C knows no cast from data to function */
    }
    uint32_t version = engine->abi_version();
    if (version != CNNSCORE_ABI_VERSION)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "the engine %s has ABI %u, this plugin needs %d: install both from one release",
                             path, version, CNNSCORE_ABI_VERSION);
    return CNNSCORE_OK;
}

int engine_open(plugin_engine *engine, const plugin_options *o, cnnscore_error *err) {
    memset(engine, 0, sizeof *engine);
    int code = load(engine, err);
    if (code != CNNSCORE_OK) return code;
    cnnscore_engine_options wanted = {
        .struct_size = sizeof wanted,
        .abi_version = CNNSCORE_ABI_VERSION,
        .model = o->model,
        .provider = o->provider,
        .threads = o->threads,
        .batch_size = o->batch_size,
        .annotations = o->annotations,
        .precision = o->precision,
        .log = pass_on,
        .log_data = (void *)(uintptr_t)o, /* only read */
    };
    code = engine->open(&wanted, &engine->handle, err);
    if (code != CNNSCORE_OK) return code;
    engine->network.struct_size = sizeof engine->network;
    return engine->describe(engine->handle, &engine->network, err);
}

void engine_close(plugin_engine *engine) {
    if (engine->handle) engine->close(engine->handle);
    engine->handle = NULL;
}
