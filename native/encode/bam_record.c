/* bam_record.c: bounds-checked reading of one BAM record. */
#include "bam_record.h"

#include <string.h>

/* block_size is an i32 in a BAM file. The bound also keeps every sum of CIGAR lengths (at most
 * 2^29 operators of 2^28 bases) far from overflow. */
#define RECORD_SIZE_MAX INT32_MAX

static uint16_t le16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

/* Size of one value of a tag type of fixed size, 0 for any other type. */
static int64_t tag_value_size(uint8_t type) {
    switch (type) {
        case 'A':
        case 'c':
        case 'C':
            return 1;
        case 's':
        case 'S':
            return 2;
        case 'i':
        case 'I':
        case 'f':
            return 4;
        default:
            return 0;
    }
}

/* Looks for CG:B,I among the tags in [p, end): the CIGAR of a read with more than 65535
 * operators. Leaves *cigar alone when there is none. */
static const char *find_long_cigar(const uint8_t *p, const uint8_t *end, const uint8_t **cigar,
                                   uint32_t *n_cigar) {
    static const char cut[] = "its tags are cut short";
    while (p < end) {
        if (end - p < 3) return cut;
        const uint8_t *tag = p;
        uint8_t type = p[2];
        p += 3;
        if (type == 'Z' || type == 'H') {
            while (p < end && *p != 0) p++;
            if (p == end) return cut;
            p++;
        } else if (type == 'B') {
            if (end - p < 5) return cut;
            uint8_t subtype = p[0];
            int64_t count = cnnscore_le32(p + 1);
            int64_t size = tag_value_size(subtype);
            if (size == 0 || subtype == 'A') return "one of its tags has an unknown type";
            p += 5;
            if (count * size > end - p) return cut;
            if (tag[0] == 'C' && tag[1] == 'G' && subtype == 'I') {
                *cigar = p;
                *n_cigar = (uint32_t)count;
                return NULL;
            }
            p += count * size;
        } else {
            int64_t size = tag_value_size(type);
            if (size == 0) return "one of its tags has an unknown type";
            if (size > end - p) return cut;
            p += size;
        }
    }
    return NULL;
}

/* What a record that ends with the tag of a part says of its read. */
static const char *read_part(cnnscore_bam_record *self, const uint8_t *tag) {
    uint32_t numbers[CNNSCORE_PART_NUMBERS];
    for (int i = 0; i < CNNSCORE_PART_NUMBERS; i++)
        numbers[i] = cnnscore_le32(tag + CNNSCORE_PART_TAG_SIZE + 4 * i);
    const cnnscore_read_part part = {numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]};
    if (part.length > RECORD_SIZE_MAX || part.begin > part.length ||
        self->n_held > (int64_t)part.length - part.begin || part.good_begin > part.good_end ||
        part.good_end > part.length || part.low > part.good_end - part.good_begin)
        return "its tag cn contradicts itself, or the bases that it holds";
    self->is_part = true;
    self->l_seq = part.length;
    self->first = part.begin;
    self->left_out = part.n_indels;
    self->qualities = (cnnscore_qualities){part.good_begin, part.good_end, part.low};
    return NULL;
}

const char *cnnscore_bam_record_read(cnnscore_bam_record *self, const uint8_t *bytes, int64_t size) {
    if (size < CNNSCORE_BAM_FIXED_SIZE) return "it is shorter than the fixed part of a BAM record";
    if (size > RECORD_SIZE_MAX) return "it is longer than a BAM record can be";
    self->contig = (int32_t)cnnscore_le32(bytes);
    self->mate_contig = (int32_t)cnnscore_le32(bytes + 20);
    self->pos = (int32_t)cnnscore_le32(bytes + 4);
    self->mapq = bytes[9];
    self->n_cigar = le16(bytes + 12);
    self->flag = le16(bytes + 14);
    self->l_seq = self->n_held = cnnscore_le32(bytes + 16);
    self->first = 0;
    self->left_out = 0;
    self->is_part = false;

    int64_t cigar_at = CNNSCORE_BAM_FIXED_SIZE + (int64_t)bytes[CNNSCORE_BAM_NAME_LENGTH_AT];
    int64_t seq_at = cigar_at + (int64_t)self->n_cigar * 4;
    int64_t qual_at = seq_at + (self->l_seq + 1) / 2;
    int64_t tags_at = qual_at + self->l_seq;
    if (tags_at > size) return "its name, CIGAR, bases and qualities do not fit into its length";
    self->cigar = bytes + cigar_at;
    self->seq = bytes + seq_at;
    self->qual = bytes + qual_at;

    const uint8_t *end = bytes + size;
    if (size - tags_at >= CNNSCORE_PART_SIZE &&
        memcmp(end - CNNSCORE_PART_SIZE, CNNSCORE_PART_TAG, CNNSCORE_PART_TAG_SIZE) == 0) {
        const char *problem = read_part(self, end - CNNSCORE_PART_SIZE);
        if (problem) return problem;
    }
    if (self->n_cigar == 2) {
        uint32_t first = cnnscore_bam_cigar(self, 0), second = cnnscore_bam_cigar(self, 1);
        if (cnnscore_cigar_op(first) == CNNSCORE_CIGAR_S && cnnscore_cigar_length(first) == self->n_held &&
            cnnscore_cigar_op(second) == CNNSCORE_CIGAR_N) {
            const char *problem = find_long_cigar(bytes + tags_at, end, &self->cigar, &self->n_cigar);
            if (problem) return problem;
        }
    }

    self->clip = 0;
    self->n_insertions = 0;
    self->n_deletions = 0;
    int leading = 1;
    for (uint32_t i = 0; i < self->n_cigar; i++) {
        uint32_t op = cnnscore_bam_cigar(self, i), code = cnnscore_cigar_op(op);
        if (code > CNNSCORE_CIGAR_DIFFERS) return "its CIGAR has an operator other than MIDNSHP=X";
        self->n_insertions += code == CNNSCORE_CIGAR_I;
        self->n_deletions += code == CNNSCORE_CIGAR_D;
        if (code == CNNSCORE_CIGAR_S && leading)
            self->clip += cnnscore_cigar_length(op);
        else if (code != CNNSCORE_CIGAR_H)
            leading = 0;
    }
    return NULL;
}
