/* streamed.c: call files that are read from their begin.
 *
 * With a VCF's header htslib reads the index beside it, for contigs that the header lacks, and ends the
 * process on one that was altered. */
#include <htslib/bgzf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "index_check.h"

/* htslib reads the index with a VCF's header: beside this name is none where that one is not to be believed.
 */
char *cnnscore_name_to_stream(const char *path, bool *has_index, int *fd) {
    *fd = -1;
    char *index = strcmp(path, "-") == 0 ? NULL : cnnscore_index_find(path, CNNSCORE_INDEXED_CALLS);
    *has_index = index && cnnscore_index_check(path, index, CNNSCORE_INDEXED_CALLS, NULL) == CNNSCORE_OK;
    char *name = index && !*has_index ? cnnscore_name_without_index(path, fd) : strdup(path);
    free(index);
    return name;
}

htsFile *cnnscore_open_to_stream(const char *path, bool *has_index) {
    int fd;
    char *name = cnnscore_name_to_stream(path, has_index, &fd);
    htsFile *file = name ? hts_open(name, "r") : NULL;
    if (fd >= 0) close(fd);
    free(name);
    return file;
}

bool cnnscore_has_end_marker(const char *path) {
    char *data = cnnscore_data_name(path);
    BGZF *file = data ? bgzf_open(data, "r") : NULL;
    bool has_one = !file || bgzf_check_EOF(file) != 0;
    if (file) bgzf_close(file);
    free(data);
    return has_one;
}
