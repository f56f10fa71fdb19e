/* interpreter.c: the Python that the engine runs on: the host's own where it has one, else the
 * environment this library was built with. It is started once and never ended, since threads of
 * ONNX Runtime may outlive whoever opened the library. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "seam.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define PYTHON_VERSION TEXT(PY_MAJOR_VERSION) "." TEXT(PY_MINOR_VERSION)

#define REMEDY                                                                        \
    "set CNNSCORE_PYTHON to the python of an environment with Python " PYTHON_VERSION \
    " and cnnscore installed"

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool started;
static _Atomic pid_t started_in; /* the process that first tried; 0: none has */
static char *started_as;         /* the python we started, NULL in a host that had its own */
static cnnscore_error refused;   /* CPython's start cannot be repeated in a process: its first failure */

static bool is_program(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

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
    /* Python's extension modules need its symbols global, which they are not where the host loaded
     * us locally. If this fails, importing them fails, and says so. */
    Dl_info libpython;
    if (dladdr((const void *)Py_IsInitialized, &libpython))
        dlopen(libpython.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);

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

static int start(cnnscore_error *err) {
    if (strncmp(Py_GetVersion(), PYTHON_VERSION ".", sizeof PYTHON_VERSION) != 0)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "this program runs Python %.10s, libcnnscore.so was built for " PYTHON_VERSION
                             ": build it with that Python",
                             Py_GetVersion());
    if (refused.code != CNNSCORE_OK) {
        *err = refused;
        return refused.code;
    }
    if (!Py_IsInitialized()) {
        const char *python = getenv("CNNSCORE_PYTHON");
        if (!python || !*python) python = cnnscore_built_with;
        if (!is_program(python))
            return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "there is no Python at %s: " REMEDY, python);
        int rc = start_python(python, err);
        if (rc != CNNSCORE_OK) return rc;
    }
    return import_engine(err);
}

int cnnscore_interpreter_check_fork(cnnscore_error *err) {
    pid_t first = atomic_load(&started_in);
    if (first == 0 || first == getpid()) return CNNSCORE_OK;
    return cnnscore_fail(
        err, CNNSCORE_ERR_USAGE,
        "this process was forked from one that has used libcnnscore.so, whose threads stayed "
        "behind: fork before the first engine is opened, or start a new program");
}

/* A host may exit, on an error perhaps, while batches are being scored: ONNX Runtime's clean-up would
 * crash or hang. What atexit calls would come too late, after the clean-up of whatever ONNX Runtime
 * made later. First of all, glibc calls the destructors of the exiting thread's own objects: this
 * is how C++ registers these. */
extern int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *library);
extern void *__dso_handle;

static void leave(void *unused) {
    (void)unused;
    cnnscore_error unread;
    if (cnnscore_interpreter_check_fork(&unread) == CNNSCORE_OK) cnnscore_py_leave(&unread);
}

static void watch_exit(void) {
    static atomic_bool watched;
    /* Other threads may end before the process does. A host with a Python of its own ends it first. */
    if (gettid() == getpid() && started_as && !atomic_exchange(&watched, true))
        __cxa_thread_atexit_impl(leave, NULL, &__dso_handle);
}

static int start_once(cnnscore_error *err) {
    /* Who holds Python's lock while waiting for ours would stop the one who has ours. */
    PyThreadState *held = Py_IsInitialized() && PyGILState_Check() ? PyEval_SaveThread() : NULL;
    pthread_mutex_lock(&start_lock);
    int rc = atomic_load(&started) ? CNNSCORE_OK : start(err);
    if (rc == CNNSCORE_OK) atomic_store(&started, true);
    pthread_mutex_unlock(&start_lock);
    if (held) PyEval_RestoreThread(held);
    return rc;
}

int cnnscore_interpreter_start(cnnscore_error *err) {
    pid_t none = 0;
    atomic_compare_exchange_strong(&started_in, &none, getpid());
    int rc = atomic_load(&started) ? CNNSCORE_OK : start_once(err);
    if (rc == CNNSCORE_OK) watch_exit();
    return rc;
}
