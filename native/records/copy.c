/* copy.c: the compressed blocks of one call file behind those of another (SAM specification, section 4.1). */
#include <errno.h>
#include <htslib/bgzf.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "layout.h"

#define BLOCK_HEADER 18 /* of blocks with no other extra field than BGZF's own */
#define BLOCK_FOOTER 8  /* CRC32, ISIZE */

/* Bytes of the block that begins so; 0: it is none. */
static size_t block_size(const uint8_t *h) {
    static const uint8_t magic[4] = {31, 139, 8, 4}, extra[6] = {6, 0, 'B', 'C', 2, 0};
    if (memcmp(h, magic, sizeof magic) != 0 || memcmp(h + 10, extra, sizeof extra) != 0) return 0;
    return (size_t)(h[16] | h[17] << 8) + 1;
}

static bool is_empty(const uint8_t *block, size_t size) {
    static const uint8_t zero[4] = {0};
    return memcmp(block + size - sizeof zero, zero, sizeof zero) == 0;
}

/* What follows the header in its own block, then the other blocks; the last is empty, and none else. */
static int copy_blocks(BGZF *from, BGZF *to, const char *path, const char *name, cnnscore_error *err) {
    uint8_t *block = malloc(BGZF_MAX_BLOCK_SIZE);
    if (!block) return cnnscore_fail_memory(err);
    const char *problem = NULL;
    bool written = true, ended = false;
    if (from->block_length > from->block_offset) {
        size_t rest = (size_t)(from->block_length - from->block_offset);
        written = bgzf_write(to, (const char *)from->uncompressed_block + from->block_offset, rest) ==
                  (ssize_t)rest;
    }
    if (bgzf_flush(to) < 0) written = false;
    while (written && !problem) {
        ssize_t n = bgzf_raw_read(from, block, BLOCK_HEADER);
        if (n == 0) break;
        size_t size = n == BLOCK_HEADER ? block_size(block) : 0, rest = size - BLOCK_HEADER;
        if (size < BLOCK_HEADER + BLOCK_FOOTER ||
            bgzf_raw_read(from, block + BLOCK_HEADER, rest) != (ssize_t)rest)
            problem = "its compressed data are damaged";
        else if ((ended = is_empty(block, size)))
            continue;
        else
            written = bgzf_raw_write(to, block, size) == (ssize_t)size;
    }
    free(block);
    if (!written)
        return cnnscore_fail(err, CNNSCORE_ERR_OUTPUT, "cannot write %s: %s", name,
                             errno ? strerror(errno) : "write error");
    if (!problem && !ended) problem = "it has no BGZF end marker";
    if (problem)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "%s is truncated or damaged (%s): make it again", path,
                             problem);
    return CNNSCORE_OK;
}

int cnnscore_writer_copy(cnnscore_writer *writer, const char *path, cnnscore_error *err) {
    bool is_bcf;
    const char *name;
    BGZF *to = cnnscore_writer_blocks(writer, &is_bcf, &name);
    errno = 0;
    htsFile *file = hts_open(path, "r");
    if (!file)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT, "cannot open %s: %s", path,
                             errno ? strerror(errno) : "not a VCF or BCF file");
    const htsFormat *format = hts_get_format(file);
    bcf_hdr_t *header = bcf_hdr_read(file);
    int code =
        header ? 0
               : cnnscore_fail(err, CNNSCORE_ERR_INPUT, "cannot read the header of %s: make it again", path);
    if (header && to && format->compression == bgzf && (format->format == bcf) == is_bcf) {
        errno = 0;
        code = copy_blocks(hts_get_bgzfp(file), to, path, name, err);
        if (code == CNNSCORE_OK) code = 1;
    }
    if (header) bcf_hdr_destroy(header);
    hts_close(file);
    return code;
}
