/* seam.h: the sides of libcnnscore.so: wrappers in C outside, which need no Python to be loaded, and
 * inside the engine in Python. Between the two libcnnscore_python.so, which uses CPython's own ABI: it is
 * loaded after a libpython. */
#ifndef CNNSCORE_SEAM_H
#define CNNSCORE_SEAM_H

#include <stdbool.h>

#include "cnnscore.h"

/* build_shim.py gives CNNSCORE_PYTHON_VERSION ("3.11") and the like. */
#define REMEDY                                                                                 \
    "set CNNSCORE_PYTHON to the python of an environment with Python " CNNSCORE_PYTHON_VERSION \
    " and cnnscore installed"

/* Defined in Python (python/cnnscore/shim.py), declared to it by cffi. Call them in an interpreter
 * that was started; pointers are checked and err is never NULL. */
/* cdef begin */
int cnnscore_py_open(const cnnscore_engine_options *options, cnnscore_engine **engine, cnnscore_error *err);
int cnnscore_py_describe(const cnnscore_engine *engine, cnnscore_engine_description *description,
                         cnnscore_error *err);
int cnnscore_py_score(cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores,
                      cnnscore_error *err);
int cnnscore_py_score_alleles(cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores,
                              cnnscore_error *err);
int cnnscore_py_submit(cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores,
                       uint64_t *ticket, cnnscore_error *err);
int cnnscore_py_collect(cnnscore_engine *engine, uint64_t ticket, cnnscore_error *err);
int cnnscore_py_close(cnnscore_engine *engine, cnnscore_error *err);
/* The process ends: wait for what is running, start nothing more. */
int cnnscore_py_leave(cnnscore_error *err);
/* cdef end */

/* What libcnnscore_python.so gives: the functions above, and what starts the interpreter that they run in
 * and imports the engine. */
typedef struct {
    /* `python` is what to start where the process has no interpreter yet, else NULL; `packages` is the
     * folder that cnnscore was installed into, or NULL. *ours: we started it. */
    int (*start)(const char *python, const char *packages, bool *ours, cnnscore_error *err);
    __typeof__(cnnscore_py_open) *open;
    __typeof__(cnnscore_py_describe) *describe;
    __typeof__(cnnscore_py_score) *score;
    __typeof__(cnnscore_py_score_alleles) *score_alleles;
    __typeof__(cnnscore_py_submit) *submit;
    __typeof__(cnnscore_py_collect) *collect;
    __typeof__(cnnscore_py_close) *close;
    __typeof__(cnnscore_py_leave) *leave;
} cnnscore_inside;

extern const cnnscore_inside cnnscore_python_side;

int cnnscore_cffi_start(void); /* of cffi's C file: 0 or -1 */

/* ---- outside ---- */

/* Load libpython and libcnnscore_python.so, start the interpreter and import the engine, where any of it is
 * still to do; from any thread, as often as one likes. err is not NULL; the message of an error names
 * CNNSCORE_PYTHON where that is the remedy. */
int cnnscore_start(const cnnscore_inside **inside, cnnscore_error *err);

/* What cnnscore_start gave; fails where it never did: then there is no engine either. */
int cnnscore_started(const cnnscore_inside **inside, cnnscore_error *err);

/* Fails in a child of the process that started the interpreter: any call into it could wait for ever for
 * threads that the child does not have. */
int cnnscore_check_fork(cnnscore_error *err);

/* The folder of libcnnscore.so itself, links resolved. */
const char *cnnscore_own_folder(void);

/* The folder that has the package in which libcnnscore.so lies, in `folder` [PATH_MAX]; or NULL. */
const char *cnnscore_packages(char *folder);

/* The python to start, into `python` [PATH_MAX]. */
int cnnscore_find_python(char *python, cnnscore_error *err);

/* Load the shared library of `python`, its symbols global. */
int cnnscore_load_libpython(const char *python, cnnscore_error *err);

#endif
