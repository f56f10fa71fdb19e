/* index_find.h: where a file and its index lie, by a name as htslib takes it: a path, a file:// URL, one of
 * another scheme that htslib reads (http, https, ftp, s3, gs), each with `##idx##INDEX` behind or not. */
#ifndef CNNSCORE_INDEX_FIND_H
#define CNNSCORE_INDEX_FIND_H

#include <stdbool.h>
#include <stdint.h>

/* What an indexed file is: which names its index may have, in the order in which htslib looks. */
typedef enum {
    CNNSCORE_INDEXED_CALLS,
    CNNSCORE_INDEXED_BAM,
    CNNSCORE_INDEXED_CRAM,
    CNNSCORE_INDEXED_FASTA
} cnnscore_indexed;

/* The file itself: without the index behind its name, a path where it is of this machine. To be freed; NULL:
 * out of memory. */
char *cnnscore_data_name(const char *name);
/* Its bytes; 0 where they are not known: a pipe, a server that does not say. */
int64_t cnnscore_data_size(const char *name);
/* The index that htslib would open: its own search, whose function is not public everywhere, but without the
 * copies of a remote index that it keeps, and believes, in the working directory. To be freed; NULL: none. */
char *cnnscore_index_find(const char *name, cnnscore_indexed what);
/* The command that makes it anew: a CSI of reads stays one, as htslib takes it before a BAI. */
const char *cnnscore_index_command(const char *index, cnnscore_indexed what);
/* Whether the index is older than the file. Copying does not keep times: no more than a reason to warn, and
 * to look at the content. */
#define CNNSCORE_OLD_INDEX                                                                                   \
    "the index %s is older than %s: copied files keep no times, but if the file has changed since, make it " \
    "anew with `%s %s`"
bool cnnscore_index_is_old(const char *name, const char *index);
/* The file's name with its index behind it, as htslib takes both; a remote index is copied into a file of
 * $TMPDIR, which `*copy` names, to be unlinked and freed. To be freed; NULL: it cannot be read, or memory. */
char *cnnscore_name_with_index(const char *name, const char *index, char **copy);
/* Another name of the file, beside which no index lies; good until `*fd` (-1: none) is closed. Of a remote
 * file its own. To be freed; NULL: out of memory. */
char *cnnscore_name_without_index(const char *name, int *fd);
/* A FASTA's, which is read where it lies. */
char *cnnscore_fasta_with_index(const char *name);

#endif
