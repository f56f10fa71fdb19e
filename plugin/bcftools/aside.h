/* aside.h: a file that appears under its name only when it is whole.
 * The same rules as python/cnnscore/files.py: what is unfinished stands beside the name as
 * `.NAME.PID.part`, and a run that starts removes what one that is gone left there. */
#ifndef CNNSCORE_PLUGIN_ASIDE_H
#define CNNSCORE_PLUGIN_ASIDE_H

#include <stdbool.h>
#include <sys/types.h>

#include "cnnscore.h"

typedef struct {
    const char *path; /* as the user gave it; borrowed */
    char *target;     /* where links lead; NULL for what is no regular file: it is written as it is */
    char *part;       /* the file aside; NULL before aside_begin */
    bool replaces;    /* a file, of this owner and mode */
    uid_t owner;
    gid_t group;
    mode_t mode;
} aside_file;

/* Find where `path` leads. Errors: OUTPUT for a folder or a circle of links. */
int aside_find(const char *path, aside_file *file, cnnscore_error *err);
/* Make the file aside, empty. Two at a time in a process, which signals that end it remove. */
int aside_begin(aside_file *file, cnnscore_error *err);
/* Give the file its name, with the mode of what it replaces. */
int aside_fill(aside_file *file, cnnscore_error *err);
/* Remove what is aside, and free. After aside_fill too. */
void aside_forget(aside_file *file);
/* From now on a signal that ends us removes first what is aside. To be called before the engine is opened:
 * Python takes Ctrl-C for its own where nobody has. */
void aside_watch_signals(void);
/* Remove what is aside, as these signals do. */
void aside_remove_all(void);
/* Between the two, files that appear together take their names: a signal that would end us waits. */
void aside_hold_signals(void);
void aside_release_signals(void);
/* Remove what runs that are gone left aside of `path`. */
void aside_remove_left(const char *path);

#endif
