/* environment.c: which Python runs the engine, and where its shared library lies. No path is built in but
 * CNNSCORE_ENVIRONMENT, from the folder of libcnnscore.so to the environment: both can be moved together. */
#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "seam.h"

#define GET_LIBPYTHON                                                    \
    "Debian: apt install libpython" CNNSCORE_PYTHON_VERSION              \
    "; pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install; the " \
    "Pythons of conda and uv have it"

static char own_folder[PATH_MAX];

/* When it is loaded: a relative path means something else after the host has changed its folder. */
__attribute__((constructor)) static void remember_own_folder(void) {
    Dl_info self;
    if (!dladdr(&own_folder, &self) || !realpath(self.dli_fname, own_folder)) own_folder[0] = '\0';
    char *slash = strrchr(own_folder, '/');
    if (slash) *slash = '\0';
}

const char *cnnscore_own_folder(void) {
    return own_folder;
}

/* Whether the text fits into `path` [PATH_MAX]. */
__attribute__((format(printf, 2, 3))) static bool put(char *path, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(path, PATH_MAX, format, args);
    va_end(args);
    return length >= 0 && length < PATH_MAX;
}

static bool is_program(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

static bool parent(char *path) {
    char *slash = strrchr(path, '/');
    if (slash) *slash = '\0';
    return slash != NULL;
}

const char *cnnscore_packages(char *folder) {
    char module[PATH_MAX];
    bool inside = put(module, "%s/../__init__.py", own_folder) && access(module, R_OK) == 0;
    if (!inside || !put(folder, "%s", own_folder)) return NULL;
    return parent(folder) && parent(folder) ? folder : NULL;
}

/* `home` of an environment's pyvenv.cfg: where the python lies that it was made from. */
static bool read_home(const char *file, char *home) {
    FILE *config = fopen(file, "re");
    if (!config) return false;
    char line[PATH_MAX + 16], value[PATH_MAX];
    bool found = false;
    while (!found && fgets(line, sizeof line, config)) {
        found = sscanf(line, " home = %4095[^\r\n]", value) == 1;
        if (found) found = put(home, "%s", value);
    }
    fclose(config);
    return found;
}

/* Whether the library lies in one of the folders beside `home`, the folder of a python; then its `path`
 * [PATH_MAX]. */
static bool is_beside(const char *home, char *path) {
    static const char *const folders[] = {"lib", ("lib/" CNNSCORE_MULTIARCH), "lib64"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (put(path, "%s/../%s/" CNNSCORE_LIBPYTHON, home, folders[i]) && access(path, R_OK) == 0)
            return true;
    return false;
}

/* Not one that the loader knows by name: it may be of another Python with the same version. */
static bool find_libpython(const char *python, char *path) {
    char folder[PATH_MAX], config[PATH_MAX], home[PATH_MAX];
    if (put(folder, "%s", python) && parent(folder) &&
        ((put(config, "%s/pyvenv.cfg", folder) && read_home(config, home)) ||
         (put(config, "%s/../pyvenv.cfg", folder) && read_home(config, home))) &&
        is_beside(home, path))
        return true;
    return realpath(python, home) && parent(home) && is_beside(home, path);
}

/* Installed with `pip install --user` or `--target`: no environment of its own is around. The first python
 * that can serve, else the first: pyenv's are scripts, and stand before others. */
static bool find_on_path(char *python) {
    char candidate[PATH_MAX], library[PATH_MAX];
    bool found = false;
    const char *place = getenv("PATH");
    while (place && *place) {
        int length = (int)strcspn(place, ":");
        if (*place == '/' && put(candidate, "%.*s/python" CNNSCORE_PYTHON_VERSION, length, place) &&
            is_program(candidate)) {
            bool serves = find_libpython(candidate, library);
            if (serves || !found) strcpy(python, candidate);
            if (serves) return true;
            found = true;
        }
        place += length;
        place += *place == ':';
    }
    return found;
}

int cnnscore_find_python(char *python, cnnscore_error *err) {
    const char *chosen = getenv("CNNSCORE_PYTHON");
    if (chosen && *chosen) {
        if (put(python, "%s", chosen) && is_program(python)) return CNNSCORE_OK;
        return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "there is no Python at %s: " REMEDY, chosen);
    }
    char relative[PATH_MAX], environment[PATH_MAX];
    /* Its links stay: python itself is one, and where it lies says whose packages are seen. */
    if (!put(relative, "%s/" CNNSCORE_ENVIRONMENT, own_folder) || !realpath(relative, environment))
        environment[0] = '\0';
    if (put(python, "%s/bin/python" CNNSCORE_PYTHON_VERSION, environment) && is_program(python))
        return CNNSCORE_OK;
    char beside[PATH_MAX];
    if (put(beside, "%s", python) && cnnscore_packages(relative) && find_on_path(python)) return CNNSCORE_OK;
    return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "there is no Python at %s: " REMEDY, beside);
}

int cnnscore_load_libpython(const char *python, cnnscore_error *err) {
    char path[PATH_MAX];
    if (find_libpython(python, path) && dlopen(path, RTLD_NOW | RTLD_GLOBAL)) return CNNSCORE_OK;
    return cnnscore_fail(err, CNNSCORE_ERR_USAGE,
                         "%s has no shared library of Python " CNNSCORE_PYTHON_VERSION " (" CNNSCORE_LIBPYTHON
                         "): install it (" GET_LIBPYTHON "), or " REMEDY,
                         python);
}
