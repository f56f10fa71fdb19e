/* interpreter.c: libcnnscore_python.so: the Python that the engine runs on, the host's own where it has one,
 * else started here once and never ended. The symbols of CPython are those of the libpython that loader.c
 * loaded, or of the host. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "seam.h"

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool started;
static char *started_as;       /* the python we started, NULL in a host that had its own */
static cnnscore_error refused; /* CPython's start cannot be repeated in a process: its first failure */

/* CPython as the environment's python would run it, except that it neither reads nor changes what
 * belongs to the host: environment variables, arguments, locale, signals, standard streams. */
static PyStatus initialize(const char *python) {
    PyPreConfig before;
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1; /* file names are bytes of UTF-8 in any locale */
    PyStatus status = Py_PreInitialize(&before);
    if (PyStatus_Exception(status)) return status;

    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    /* `executable` is what makes a virtual environment's packages seen. */
    status = PyConfig_SetBytesString(&config, &config.executable, python);
    if (!PyStatus_Exception(status)) status = PyConfig_SetBytesString(&config, &config.program_name, python);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    return status;
}

static int start_python(const char *python, cnnscore_error *err) {
    started_as = strdup(python);
    if (!started_as) return cnnscore_fail_memory(err);
    PyStatus status = initialize(python);
    if (PyStatus_Exception(status)) {
        cnnscore_fail(&refused, CNNSCORE_ERR_USAGE, "Python does not start as %s (%s): " REMEDY, python,
                      status.err_msg ? status.err_msg : "no reason given");
        *err = refused;
        return refused.code;
    }
    /* A library does not print: to Python's code these streams are closed. */
    PySys_SetObject("stdout", Py_None);
    PySys_SetObject("stderr", Py_None);
    PyEval_SaveThread();
    return CNNSCORE_OK;
}

static void describe_exception(char *text, size_t size) {
    PyObject *kind, *value, *trace;
    PyErr_Fetch(&kind, &value, &trace);
    PyObject *words = value ? PyObject_Str(value) : NULL;
    const char *utf8 = words ? PyUnicode_AsUTF8(words) : NULL;
    snprintf(text, size, "%s", utf8 ? utf8 : "no reason given");
    Py_XDECREF(words);
    Py_XDECREF(kind);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    PyErr_Clear();
}

/* Imports the engine. cffi's own start would print what goes wrong, so it comes after all that can. */
static int import_engine(cnnscore_error *err) {
    char reason[1024] = "";
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *module = PyImport_ImportModule("cnnscore.shim");
    if (!module) describe_exception(reason, sizeof reason);
    Py_XDECREF(module);
    PyGILState_Release(state);
    if (!module && started_as)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "%s cannot import cnnscore (%s): " REMEDY, started_as,
                             reason);
    if (!module)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "this program's own Python cannot import cnnscore (%s): install it there",
                             reason);
    if (cnnscore_cffi_start() != 0)
        return cnnscore_fail(err, CNNSCORE_ERR_INTERNAL,
                             "cffi's module does not start: rebuild libcnnscore.so with the cffi of the "
                             "environment that runs it");
    return CNNSCORE_OK;
}

/* Beside the environment's own packages: those that cnnscore came with (`pip install --target`). */
static void add_packages(const char *folder) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *site = PyImport_ImportModule("site");
    PyObject *added = site ? PyObject_CallMethod(site, "addsitedir", "s", folder) : NULL;
    PyErr_Clear(); /* what then cannot be imported is named by import_engine */
    Py_XDECREF(added);
    Py_XDECREF(site);
    PyGILState_Release(state);
}

static int start(const char *python, const char *packages, cnnscore_error *err) {
    if (refused.code != CNNSCORE_OK) {
        *err = refused;
        return refused.code;
    }
    if (!Py_IsInitialized()) {
        if (!python)
            return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "this program's own Python has been ended");
        int rc = start_python(python, err);
        if (rc != CNNSCORE_OK) return rc;
    }
    if (started_as && packages) add_packages(packages);
    return import_engine(err);
}

static int start_once(const char *python, const char *packages, bool *ours, cnnscore_error *err) {
    /* Who holds Python's lock while waiting for ours would stop the one who has ours. */
    PyThreadState *held = Py_IsInitialized() && PyGILState_Check() ? PyEval_SaveThread() : NULL;
    pthread_mutex_lock(&start_lock);
    int rc = atomic_load(&started) ? CNNSCORE_OK : start(python, packages, err);
    if (rc == CNNSCORE_OK) atomic_store(&started, true);
    *ours = started_as != NULL;
    pthread_mutex_unlock(&start_lock);
    if (held) PyEval_RestoreThread(held);
    return rc;
}

const cnnscore_inside cnnscore_python_side = {
    .start = start_once,
    .open = cnnscore_py_open,
    .describe = cnnscore_py_describe,
    .score = cnnscore_py_score,
    .score_alleles = cnnscore_py_score_alleles,
    .submit = cnnscore_py_submit,
    .collect = cnnscore_py_collect,
    .close = cnnscore_py_close,
    .leave = cnnscore_py_leave,
};
