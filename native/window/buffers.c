/* buffers.c: the memory of a window batch, and reads as the BAM records in it. */
#include "buffers.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"

cnnscore_windows *cnnscore_windows_new(void) {
    return calloc(1, sizeof(cnnscore_windows));
}

void cnnscore_windows_free(cnnscore_windows *windows) {
    if (!windows) return;
    free(windows->reference);
    free(windows->reads);
    free(windows->site_read);
    free(windows->read_offset);
    free(windows->site_depth);
    free(windows->sample_depth);
    free(windows);
}

const cnnscore_window_batch *cnnscore_windows_batch(const cnnscore_windows *windows) {
    return &windows->batch;
}

static void put32(uint8_t *to, uint32_t value) {
    memcpy(to, &value, 4);
}
static void put16(uint8_t *to, uint16_t value) {
    memcpy(to, &value, 2);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "BAM records are written as they lie in memory");

static void put_part(uint8_t *at, const cnnscore_read_part *part) {
    memcpy(at, CNNSCORE_PART_TAG, CNNSCORE_PART_TAG_SIZE);
    at += CNNSCORE_PART_TAG_SIZE;
    const uint32_t numbers[CNNSCORE_PART_NUMBERS] = {part->length,     part->begin,    part->n_indels,
                                                     part->good_begin, part->good_end, part->low};
    for (int i = 0; i < CNNSCORE_PART_NUMBERS; i++, at += 4) put32(at, numbers[i]);
}

/* Reference numbers are those of the batch: the site's contig, and for the mate the same or -1. */
int cnnscore_windows_append(cnnscore_windows *windows, int64_t n, const bam1_t *read,
                            const cnnscore_kept_read *kept, int32_t contig) {
    const bam1_core_t *core = &read->core;
    bool long_cigar = kept->n_cigar > 0xffff;
    size_t name = (size_t)core->l_qname - core->l_extranul, cigar = 4 * (size_t)kept->n_cigar;
    if (name > UINT8_MAX) name = UINT8_MAX; /* htslib ends names that lack their NUL: 255 bytes are 256 */
    size_t sequence = ((size_t)kept->n_bases + 1) / 2, qualities = (size_t)kept->n_bases;
    /* More operators than 16 bits count go into the CG tag, a placeholder stands in their place. */
    size_t size = 32 + name + (long_cigar ? 8 : cigar) + sequence + qualities + (long_cigar ? 8 + cigar : 0) +
                  (kept->is_part ? CNNSCORE_PART_SIZE : 0);
    size_t begin = (size_t)windows->read_offset[n];
    if (cnnscore_reserve(&windows->reads, &windows->reads_capacity, begin + size, 1) < 0) return -1;
    uint8_t *at = windows->reads + begin;
    put32(at, (uint32_t)contig);
    put32(at + 4, (uint32_t)core->pos);
    at[8] = (uint8_t)name;
    at[9] = core->qual;
    put16(at + 10, core->bin);
    put16(at + 12, (uint16_t)(long_cigar ? 2 : kept->n_cigar));
    put16(at + 14, core->flag);
    put32(at + 16, (uint32_t)kept->n_bases);
    put32(at + 20, core->mtid == core->tid ? (uint32_t)contig : UINT32_MAX);
    put32(at + 24, (uint32_t)core->mpos);
    put32(at + 28, (uint32_t)core->isize);
    at += 32;
    memcpy(at, bam_get_qname(read), name - 1);
    at += name;
    at[-1] = '\0';
    if (long_cigar) {
        put32(at, (uint32_t)kept->n_bases << 4 | BAM_CSOFT_CLIP);
        put32(at + 4, (uint32_t)(bam_endpos(read) - core->pos) << 4 | BAM_CREF_SKIP);
        at += 8;
    } else if (cigar) {
        memcpy(at, kept->cigar, cigar);
        at += cigar;
    }
    memcpy(at, bam_get_seq(read) + kept->begin / 2, sequence);
    at += sequence;
    memcpy(at, bam_get_qual(read) + kept->begin, qualities);
    at += qualities;
    if (long_cigar) {
        memcpy(at, "CGBI", 4);
        put32(at + 4, kept->n_cigar);
        memcpy(at + 8, kept->cigar, cigar);
        at += 8 + cigar;
    }
    if (kept->is_part) put_part(at, &kept->part);
    windows->read_offset[n + 1] = (int64_t)(begin + size);
    return 0;
}
