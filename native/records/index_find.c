/* index_find.c: names of files and of their indexes. */
#define _GNU_SOURCE /* asprintf */
#include "index_find.h"

#include <fcntl.h>
#include <htslib/hfile.h>
#include <htslib/hts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DELIMITER HTS_IDX_DELIM
#define COPY_BYTES (1 << 16)

/* ---- the file ---- */

/* htslib's own reading of file:// URLs. */
static const char *local_path(const char *name) {
    if (strncmp(name, "file://localhost/", 17) == 0) return name + 16;
    return strncmp(name, "file:///", 8) == 0 ? name + 7 : name;
}

char *cnnscore_data_name(const char *name) {
    const char *end = strstr(name, DELIMITER), *path = local_path(name);
    return end ? strndup(path, (size_t)(end - path)) : strdup(path);
}

static bool exists(const char *name) {
    struct stat found;
    if (!hisremote(name)) return stat(local_path(name), &found) == 0;
    hFILE *file = hopen(name, "r");
    if (file) hclose_abruptly(file);
    return file != NULL;
}

int64_t cnnscore_data_size(const char *name) {
    char *data = cnnscore_data_name(name);
    struct stat found;
    int64_t size = 0;
    if (data && !hisremote(data)) {
        if (stat(data, &found) == 0 && S_ISREG(found.st_mode)) size = found.st_size;
    } else if (data) {
        hFILE *file = hopen(data, "r");
        off_t end = file ? hseek(file, 0, SEEK_END) : -1;
        if (end > 0) size = end;
        if (file) hclose_abruptly(file);
    }
    free(data);
    return size;
}

/* ---- its index ---- */

/* Where a URL's query begins: an extension stands before it. S3's keys may hold a #. */
static size_t query_at(const char *name) {
    if (!hisremote(name)) return strlen(name);
    return strcspn(name, strncmp(name, "s3", 2) == 0 ? "?" : "?#");
}

/* A suffix behind the name, or in the place of the one that it has. */
static char *with_suffix(const char *data, const char *suffix, bool in_place) {
    size_t end = query_at(data), kept = end;
    char *made;
    if (in_place)
        for (size_t i = end; i > 0 && data[i - 1] != '/'; i--)
            if (data[i - 1] == '.') {
                kept = i - 1;
                break;
            }
    return asprintf(&made, "%.*s%s%s", (int)kept, data, suffix, data + end) < 0 ? NULL : made;
}

char *cnnscore_index_find(const char *name, cnnscore_indexed what) {
    static const char *const own[] = {[CNNSCORE_INDEXED_CALLS] = ".tbi",
                                      [CNNSCORE_INDEXED_BAM] = ".bai",
                                      [CNNSCORE_INDEXED_CRAM] = ".crai",
                                      [CNNSCORE_INDEXED_FASTA] = ".fai"};
    const char *given = strstr(name, DELIMITER), *suffixes[] = {".csi", own[what]};
    if (given) {
        given += strlen(DELIMITER);
        return exists(given) ? strdup(local_path(given)) : NULL;
    }
    char *data = cnnscore_data_name(name), *found = NULL;
    bool has_csi = what == CNNSCORE_INDEXED_CALLS || what == CNNSCORE_INDEXED_BAM;
    int n = what == CNNSCORE_INDEXED_FASTA ? 3 : 4;
    for (int i = has_csi ? 0 : 2; data && !found && i < n; i++) {
        found = with_suffix(data, suffixes[i / 2], i % 2);
        if (found && !exists(found)) {
            free(found);
            found = NULL;
        }
    }
    free(data);
    return found;
}

const char *cnnscore_index_command(const char *index, cnnscore_indexed what) {
    size_t length = query_at(index);
    if (what == CNNSCORE_INDEXED_CALLS) return "bcftools index -f";
    return length > 4 && strncmp(index + length - 4, ".csi", 4) == 0 ? "samtools index -c" : "samtools index";
}

bool cnnscore_index_is_old(const char *name, const char *index) {
    char *data = cnnscore_data_name(name);
    struct stat of_data, of_index;
    bool is_old = data && !hisremote(data) && !hisremote(index) && stat(data, &of_data) == 0 &&
                  stat(index, &of_index) == 0 && of_index.st_mtime < of_data.st_mtime;
    free(data);
    return is_old;
}

/* ---- both ---- */

static bool copy_file(const char *from, int to) {
    char bytes[COPY_BYTES];
    hFILE *file = hopen(from, "r");
    ssize_t n = -1;
    while (file && (n = hread(file, bytes, sizeof bytes)) > 0)
        if (write(to, bytes, (size_t)n) != n) {
            n = -1;
            break;
        }
    if (file && hclose(file) != 0) n = -1;
    return n == 0;
}

static char *joined(const char *data, const char *index) {
    char *both;
    return asprintf(&both, "%s%s%s", data, DELIMITER, index) < 0 ? NULL : both;
}

char *cnnscore_name_without_index(const char *name, int *fd) {
    char *data = cnnscore_data_name(name), *other = NULL;
    *fd = data && !hisremote(data) ? open(data, O_RDONLY | O_CLOEXEC) : -1;
    if (*fd >= 0 && asprintf(&other, "/proc/self/fd/%d", *fd) < 0) other = NULL;
    free(data);
    return *fd >= 0 ? other : strdup(name);
}

char *cnnscore_fasta_with_index(const char *name) {
    char *data = cnnscore_data_name(name), *index = cnnscore_index_find(name, CNNSCORE_INDEXED_FASTA);
    char *both = data && index ? joined(data, index) : NULL;
    free(data);
    free(index);
    return both;
}

char *cnnscore_name_with_index(const char *name, const char *index, char **copy) {
    char *data = cnnscore_data_name(name), *both = NULL;
    const char *folder = getenv("TMPDIR");
    *copy = NULL;
    if (data && hisremote(index)) {
        if (asprintf(copy, "%s/cnnscore.XXXXXX", folder && *folder ? folder : "/tmp") < 0) *copy = NULL;
        int fd = *copy ? mkstemp(*copy) : -1;
        bool is_copied = fd >= 0 && copy_file(index, fd);
        if (fd >= 0 && close(fd) != 0) is_copied = false;
        if (fd >= 0 && !is_copied) unlink(*copy);
        if (!is_copied) {
            free(*copy);
            *copy = NULL;
        }
        index = *copy;
    }
    if (data && index) both = joined(data, index);
    free(data);
    return both;
}
