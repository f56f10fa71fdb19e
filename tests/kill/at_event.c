/* at_event.c: preloaded into a program, sends it a signal when it has done its Nth step with a file.
 * A step makes, renames or removes a name under $KILL_UNDER; $KILL_AFTER is N, $KILL_SIGNAL the signal.
 * $KILL_SENT is made when it is sent. $KILL_LOG gets a line for each step, as a list of the moments that
 * there are. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_int steps;

static int is_ours(int folder, const char *path) {
    char whole[2 * PATH_MAX], link[64];
    const char *under = getenv("KILL_UNDER");
    if (!under || !path) return 0;
    size_t n = 0;
    if (*path != '/') {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t found = readlink(folder == AT_FDCWD ? "/proc/self/cwd" : link, whole, PATH_MAX);
        if (found < 0) return 0;
        n = (size_t)found;
        whole[n++] = '/';
    }
    snprintf(whole + n, sizeof whole - n, "%s", path);
    return strncmp(whole, under, strlen(under)) == 0;
}

static void step(const char *what, const char *path) {
    const char *log = getenv("KILL_LOG"), *after = getenv("KILL_AFTER"), *number = getenv("KILL_SIGNAL");
    int now = ++steps;
    if (log) {
        char line[PATH_MAX + 64];
        int n = snprintf(line, sizeof line, "%s %s\n", what, path);
        int fd = NEXT(open)(log, O_WRONLY | O_APPEND | O_CREAT, 0666);
        if (fd < 0 || write(fd, line, (size_t)n) != n) abort();
        close(fd);
    }
    if (!after || !number || now != atoi(after)) return;
    const char *sent = getenv("KILL_SENT");
    int fd = sent ? NEXT(open)(sent, O_WRONLY | O_CREAT, 0666) : -1;
    if (fd >= 0) close(fd);
    kill(getpid(), atoi(number));
}

#define STEP(what, folder, path, call)               \
    int ours = is_ours(folder, path), result = call; \
    if (ours && result >= 0) step(what, path);       \
    return result

#define MODE()                                                \
    va_list list;                                             \
    va_start(list, flags);                                    \
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0; \
    va_end(list)

#define OPEN(name)                                                    \
    int name(const char *path, int flags, ...) {                      \
        MODE();                                                       \
        if (!(flags & O_CREAT)) return NEXT(name)(path, flags, mode); \
        STEP("make", AT_FDCWD, path, NEXT(name)(path, flags, mode));  \
    }

#define OPENAT(name)                                                          \
    int name(int folder, const char *path, int flags, ...) {                  \
        MODE();                                                               \
        if (!(flags & O_CREAT)) return NEXT(name)(folder, path, flags, mode); \
        STEP("make", folder, path, NEXT(name)(folder, path, flags, mode));    \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int mkdir(const char *path, mode_t mode) {
    STEP("make", AT_FDCWD, path, NEXT(mkdir)(path, mode));
}

int rename(const char *from, const char *to) {
    STEP("rename", AT_FDCWD, to, NEXT(rename)(from, to));
}

int renameat(int from, const char *old, int to, const char *new) {
    STEP("rename", to, new, NEXT(renameat)(from, old, to, new));
}

int unlink(const char *path) {
    STEP("remove", AT_FDCWD, path, NEXT(unlink)(path));
}

int unlinkat(int folder, const char *path, int flags) {
    STEP("remove", folder, path, NEXT(unlinkat)(folder, path, flags));
}

int rmdir(const char *path) {
    STEP("remove", AT_FDCWD, path, NEXT(rmdir)(path));
}
