/* seam.h: the two sides of libcnnscore.so: wrappers in C outside, the engine in Python inside. */
#ifndef CNNSCORE_SEAM_H
#define CNNSCORE_SEAM_H

#include "cnnscore.h"

/* Start the interpreter if need be and import the engine into it; from any thread, as
 * often as one likes. err is not NULL; the message of an error names CNNSCORE_PYTHON where that is the
 * remedy. */
int cnnscore_interpreter_start(cnnscore_error *err);

/* Fails in a child of the process that started the interpreter: any call into it could wait for ever for
 * threads that the child does not have. */
int cnnscore_interpreter_check_fork(cnnscore_error *err);

/* Written by build_shim.py into cffi's C file. */
extern const char *const cnnscore_built_with; /* the python of the environment */
int cnnscore_cffi_start(void);                /* 0 or -1 */

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

#endif
