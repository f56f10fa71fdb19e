/* engine.h: libcnnscore.so, loaded at run time, and one network opened with it. */
#ifndef CNNSCORE_PLUGIN_ENGINE_H
#define CNNSCORE_PLUGIN_ENGINE_H

#include "cnnscore.h"
#include "options.h"

typedef struct {
    uint32_t (*abi_version)(void);
    int (*open)(const cnnscore_engine_options *, cnnscore_engine **, cnnscore_error *);
    int (*describe)(const cnnscore_engine *, cnnscore_engine_description *, cnnscore_error *);
    int (*score)(cnnscore_engine *, const cnnscore_window_batch *, float *, cnnscore_error *);
    int (*score_alleles)(cnnscore_engine *, const cnnscore_window_batch *, float *, cnnscore_error *);
    void (*close)(cnnscore_engine *);
    cnnscore_engine *handle;
    cnnscore_engine_description network;
} plugin_engine;

/* Load the library, open the network of `options`, describe it. Errors: no library (both ways to
 * name it are in the message), another ABI, and those of cnnscore_engine_open. */
int engine_open(plugin_engine *engine, const plugin_options *options, cnnscore_error *err);
void engine_close(plugin_engine *engine);

#endif
