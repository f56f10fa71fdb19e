/* aside.c: names aside, and the signals that must not leave one behind. */
#define _GNU_SOURCE /* asprintf, eaccess */
#include "aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "sampling.h"

/* As many symbolic links Linux follows; more are a circle. */
enum { MOST_LINKS = 40 };

/* Bytes that the name of a file aside is longer than the file's; Linux has no greater PID. */
enum { ROOM_FOR_PID = sizeof "..4194304.part" - 1 };

/* ---- signals ---- */

/* Names that a signal must not leave behind; NULL when there are none. */
static const char *volatile unfinished[2];

/* Files that appear together take their names: a signal waits until they have. */
static volatile sig_atomic_t held, waits;

void aside_remove_all(void) {
    for (int i = 0; i < 2; i++)
        if (unfinished[i]) unlink(unfinished[i]);
}

static void remove_and_die(int number) {
    if (held) {
        waits = number;
        return;
    }
    aside_remove_all();
    signal(number, SIG_DFL);
    raise(number);
}

void aside_watch_signals(void) {
    static const int numbers[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE, SIGALRM,
                                  SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction action = {.sa_handler = remove_and_die}, old;
        sigemptyset(&action.sa_mask);
        /* Ignored ones stay so: nohup, and background jobs of a shell. */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

void aside_hold_signals(void) {
    held = 1;
}

void aside_release_signals(void) {
    held = 0;
    if (waits) remove_and_die(waits);
}

/* ---- where a path leads ---- */

static int cannot_write(const char *path, cnnscore_error *err) {
    return cnnscore_fail(err, CNNSCORE_ERR_OUTPUT, "cannot write %s: %s", path, strerror(errno));
}

/* Length of the folder's part of a path, its last slash included. */
static size_t folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static char *folder_of(const char *path) {
    size_t length = folder_length(path);
    return length ? strndup(path, length) : strdup(".");
}

/* Whether the link `path` stands for an open file: /dev/stdout leads to /proc/self/fd/1. */
static bool in_proc(const char *path) {
    char *folder = folder_of(path), *real = folder ? realpath(folder, NULL) : NULL;
    bool found = real && strncmp(real, "/proc/", 6) == 0;
    free(real);
    free(folder);
    return found;
}

/* The end of the symbolic links from `path` on; NULL for an open file. */
static int follow(const char *path, char **end, cnnscore_error *err) {
    char text[PATH_MAX], *next;
    *end = strdup(path);
    for (int links = 0; *end; links++) {
        ssize_t n = readlink(*end, text, sizeof text - 1);
        if (n < 0) return CNNSCORE_OK; /* no link, or nothing that can be opened */
        text[n] = '\0';
        if (in_proc(*end)) {
            free(*end);
            *end = NULL;
            return CNNSCORE_OK;
        }
        if (links == MOST_LINKS) {
            errno = ELOOP;
            return cannot_write(path, err);
        }
        int length = *text == '/' ? 0 : (int)folder_length(*end);
        if (asprintf(&next, "%.*s%s", length, *end, text) < 0) next = NULL;
        free(*end);
        *end = next;
    }
    return cnnscore_fail_memory(err);
}

int aside_find(const char *path, aside_file *file, cnnscore_error *err) {
    *file = (aside_file){.path = path};
    char *end;
    int code = follow(path, &end, err);
    if (code == CNNSCORE_OK && !end) return CNNSCORE_OK;
    struct stat st;
    bool there = code == CNNSCORE_OK && stat(end, &st) == 0;
    if (there && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        code = cannot_write(path, err);
    } else if (code == CNNSCORE_OK && !there && errno != ENOENT) {
        code = cannot_write(path, err);
    }
    if (code != CNNSCORE_OK || (there && !S_ISREG(st.st_mode))) {
        free(end);
        return code;
    }
    file->target = end;
    if (there) {
        file->replaces = true;
        file->owner = st.st_uid;
        file->group = st.st_gid;
        file->mode = st.st_mode & 07777;
    }
    return CNNSCORE_OK;
}

/* ---- names aside ---- */

/* The file's name; its beginning and its hash where the file system has no room for what is added. */
static char *stem_of(const char *target) {
    char *folder = folder_of(target), *stem;
    const char *name = target + folder_length(target);
    long limit = folder ? pathconf(folder, _PC_NAME_MAX) : -1;
    size_t most = limit > 0 ? (size_t)limit : NAME_MAX, room = most - ROOM_FOR_PID, n = strlen(name);
    free(folder);
    if (n <= room || n > most) return strdup(name); /* no file has a longer name */
    uint64_t hash = cnnscore_hash_add_bytes(CNNSCORE_HASH_START, name, n);
    size_t cut = room - (sizeof "~0123456789abcdef" - 1);
    while (((unsigned char)name[cut] & 0xC0) == 0x80) cut--; /* within a character of UTF-8 */
    return asprintf(&stem, "%.*s~%016" PRIx64, (int)cut, name, hash) < 0 ? NULL : stem;
}

/* The PID in `.STEM.PID.part`; 0 for any other name. */
static pid_t pid_in(const char *name, const char *stem) {
    size_t n = strlen(stem);
    if (*name != '.' || strncmp(name + 1, stem, n) != 0 || name[n + 1] != '.') return 0;
    const char *digits = name + n + 2;
    size_t length = strspn(digits, "0123456789");
    if (length < 1 || length > 10 || strcmp(digits + length, ".part") != 0) return 0;
    long long pid = strtoll(digits, NULL, 10);
    return pid <= INT_MAX ? (pid_t)pid : 0;
}

/* Our own PID: of a run in another container, that had it. */
static bool is_gone(pid_t pid) {
    return pid == getpid() || (kill(pid, 0) != 0 && errno == ESRCH);
}

static void remove_left(const char *target, const char *stem) {
    char *folder = folder_of(target);
    DIR *entries = folder ? opendir(folder) : NULL;
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        struct stat st;
        pid_t pid = pid_in(entry->d_name, stem);
        if (pid && is_gone(pid) && fstatat(dirfd(entries), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            st.st_uid == geteuid())
            unlinkat(dirfd(entries), entry->d_name, 0);
    }
    if (entries) closedir(entries);
    free(folder);
}

void aside_remove_left(const char *path) {
    aside_file file;
    if (aside_find(path, &file, NULL) == CNNSCORE_OK && file.target) {
        char *stem = stem_of(file.target);
        if (stem) remove_left(file.target, stem);
        free(stem);
    }
    aside_forget(&file);
}

/* ---- a file ---- */

int aside_begin(aside_file *file, cnnscore_error *err) {
    if (file->replaces && eaccess(file->target, W_OK) != 0) return cannot_write(file->path, err);
    char *stem = stem_of(file->target);
    if (!stem) return cnnscore_fail_memory(err);
    remove_left(file->target, stem);
    if (asprintf(&file->part, "%.*s.%s.%d.part", (int)folder_length(file->target), file->target, stem,
                 getpid()) < 0)
        file->part = NULL;
    free(stem);
    if (!file->part) return cnnscore_fail_memory(err);
    unfinished[unfinished[0] ? 1 : 0] = file->part;
    /* Readable for nobody that the replaced one is not for. */
    mode_t mode = file->replaces ? file->mode | S_IWUSR : 0666;
    int fd = open(file->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) return cannot_write(file->path, err);
    close(fd);
    return CNNSCORE_OK;
}

int aside_fill(aside_file *file, cnnscore_error *err) {
    if (file->replaces) {
        /* The owner is the superuser's to give away; one of the own groups is everybody's. */
        if (chown(file->part, file->owner, (gid_t)-1) != 0) errno = 0;
        if (chown(file->part, (uid_t)-1, file->group) != 0) errno = 0;
        if (chmod(file->part, file->mode) != 0) return cannot_write(file->path, err);
    }
    /* At this moment's time: an index that comes later is no older. */
    utimensat(AT_FDCWD, file->part, NULL, 0);
    return rename(file->part, file->target) == 0 ? CNNSCORE_OK : cannot_write(file->path, err);
}

void aside_forget(aside_file *file) {
    if (file->part) unlink(file->part);
    for (int i = 0; i < 2; i++)
        if (file->part && unfinished[i] == file->part) unfinished[i] = NULL;
    free(file->part);
    free(file->target);
    *file = (aside_file){0};
}
