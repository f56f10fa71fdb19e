/* loader.c: libcnnscore_python.so, loaded once into a process that has a libpython, or gets one here. It
 * is never unloaded, since threads of ONNX Runtime may outlive whoever opened the library. */
#define _GNU_SOURCE /* gettid, RTLD_DEFAULT */
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "seam.h"

static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;
static const cnnscore_inside *loaded;            /* under load_lock */
static _Atomic(const cnnscore_inside *) started; /* with the engine imported */
static atomic_bool ours;                         /* we started its interpreter */
static _Atomic pid_t started_in;                 /* the process that first tried; 0: none has */

int cnnscore_check_fork(cnnscore_error *err) {
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
    const cnnscore_inside *inside = atomic_load(&started);
    if (inside && cnnscore_check_fork(&unread) == CNNSCORE_OK) inside->leave(&unread);
}

static void watch_exit(void) {
    static atomic_bool watched;
    /* Other threads may end before the process does. A host with a Python of its own ends it first. */
    if (gettid() == getpid() && atomic_load(&ours) && !atomic_exchange(&watched, true))
        __cxa_thread_atexit_impl(leave, NULL, &__dso_handle);
}

/* C knows no cast from data to function. */
static bool find(const char *name, void *function) {
    void *symbol = dlsym(RTLD_DEFAULT, name);
    if (symbol) memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

/* A libpython, its symbols global, which they are not where the host's own was loaded locally. `python`
 * [PATH_MAX] becomes what to start, or "" where an interpreter runs already. */
static int load_python(char *python, cnnscore_error *err) {
    int (*is_initialized)(void);
    const char *(*version)(void);
    *python = '\0';
    bool here = find("Py_IsInitialized", &is_initialized);
    if (!here && dlopen(CNNSCORE_LIBPYTHON, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD))
        here = find("Py_IsInitialized", &is_initialized);
    if (!here || !is_initialized()) {
        int rc = cnnscore_find_python(python, err);
        if (rc == CNNSCORE_OK && !here) rc = cnnscore_load_libpython(python, err);
        if (rc != CNNSCORE_OK) return rc;
    }
    if (!find("Py_GetVersion", &version) ||
        strncmp(version(), CNNSCORE_PYTHON_VERSION ".", sizeof CNNSCORE_PYTHON_VERSION) != 0)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "this program runs another Python than " CNNSCORE_PYTHON_VERSION
                             ", which %s/libcnnscore.so was built for: build it with that Python",
                             cnnscore_own_folder());
    return CNNSCORE_OK;
}

static int load_inside(cnnscore_error *err) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/libcnnscore_python.so", cnnscore_own_folder());
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *side = library ? dlsym(library, "cnnscore_python_side") : NULL;
    if (!side)
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                             "cannot load the other half of libcnnscore.so (%s): install the two together",
                             dlerror());
    loaded = side;
    return CNNSCORE_OK;
}

static int load(const cnnscore_inside **inside, char *python, cnnscore_error *err) {
    pthread_mutex_lock(&load_lock);
    int rc = load_python(python, err);
    if (rc == CNNSCORE_OK && !loaded) rc = load_inside(err);
    *inside = loaded;
    pthread_mutex_unlock(&load_lock);
    return rc;
}

int cnnscore_start(const cnnscore_inside **inside, cnnscore_error *err) {
    pid_t none = 0;
    atomic_compare_exchange_strong(&started_in, &none, getpid());
    *inside = atomic_load(&started);
    if (!*inside) {
        char python[PATH_MAX], packages[PATH_MAX];
        bool began = false;
        int rc = load(inside, python, err);
        if (rc == CNNSCORE_OK)
            rc = (*inside)->start(*python ? python : NULL, cnnscore_packages(packages), &began, err);
        if (rc != CNNSCORE_OK) return rc;
        atomic_store(&ours, began);
        atomic_store(&started, *inside);
    }
    watch_exit();
    return CNNSCORE_OK;
}

int cnnscore_started(const cnnscore_inside **inside, cnnscore_error *err) {
    int rc = cnnscore_check_fork(err);
    if (rc != CNNSCORE_OK) return rc;
    *inside = atomic_load(&started);
    return *inside ? CNNSCORE_OK
                   : cnnscore_fail(err, CNNSCORE_ERR_USAGE, "this is no engine, or it is closed");
}
