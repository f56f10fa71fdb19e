/* shell_word.h: names as a command in a message has them, to be pasted into a shell. */
#ifndef CNNSCORE_SHELL_WORD_H
#define CNNSCORE_SHELL_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "cnnscore.h"

/* As long as a message: what is longer is cut off there. It is used within the expression that makes it. */
typedef struct {
    char text[sizeof(((cnnscore_error *)0)->message)];
} cnnscore_word;

/* `prefix` and the first `length` bytes of `name`, in quotes where a shell would read them otherwise. */
static inline cnnscore_word cnnscore_shell_quoted(const char *prefix, const char *name, size_t length) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%+=:,./-_";
    cnnscore_word word;
    const size_t room = sizeof word.text - 8; /* for a letter and what ends the word */
    size_t n = 0;
    const bool is_plain = length && strspn(name, plain) >= length;
    if (!is_plain) word.text[n++] = '\'';
    while (*prefix) word.text[n++] = *prefix++;
    for (size_t i = 0; i < length && n < room; i++) {
        if (name[i] == '\'') {
            memcpy(word.text + n, "'\"'\"", 4);
            n += 4;
        }
        word.text[n++] = name[i];
    }
    if (!is_plain) word.text[n++] = '\'';
    word.text[n] = '\0';
    return word;
}

/* A file's name, without the index that is named behind it: no program takes it for an option. */
static inline cnnscore_word cnnscore_shell_word(const char *name) {
    const char *index = strstr(name, "##idx##");
    const size_t length = index ? (size_t)(index - name) : strlen(name);
    return cnnscore_shell_quoted(*name == '-' ? "./" : "", name, length);
}

#endif
