/* sampling.h: which reads of a deep site are kept: a reservoir over java.util.Random's generator, or the
 * least hashes of their names. No htslib. Its Java twin, in plugin/gatk, meets the same vectors:
 * tests/golden/twins.json. */
#ifndef CNNSCORE_SAMPLING_H
#define CNNSCORE_SAMPLING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    uint64_t state; /* 48 bits */
} cnnscore_random;

#define CNNSCORE_RANDOM_MULTIPLIER UINT64_C(0x5DEECE66D)
#define CNNSCORE_RANDOM_MASK ((UINT64_C(1) << 48) - 1)
#define CNNSCORE_GATK_SEED UINT64_C(47382911) /* GATK's fixed seed */

static inline cnnscore_random cnnscore_random_seeded(uint64_t seed) {
    return (cnnscore_random){(seed ^ CNNSCORE_RANDOM_MULTIPLIER) & CNNSCORE_RANDOM_MASK};
}

static inline int32_t cnnscore_random_bits31(cnnscore_random *random) {
    random->state = (random->state * CNNSCORE_RANDOM_MULTIPLIER + 0xB) & CNNSCORE_RANDOM_MASK;
    return (int32_t)(random->state >> 17);
}

/* Uniform in [0, bound), bound > 0: java.util.Random.nextInt(bound). */
static inline int32_t cnnscore_random_below(cnnscore_random *random, int32_t bound) {
    int32_t bits = cnnscore_random_bits31(random);
    if ((bound & -bound) == bound) return (int32_t)(((int64_t)bound * bits) >> 31);
    int32_t value = bits % bound;
    while ((int64_t)bits - value + (bound - 1) > INT32_MAX) { /* Java's test for overflow */
        bits = cnnscore_random_bits31(random);
        value = bits % bound;
    }
    return value;
}

/* FNV-1a, from CNNSCORE_HASH_START on; what comes of it is then mixed. */
#define CNNSCORE_HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t cnnscore_hash_add(uint64_t hash, uint64_t value) {
    return (hash ^ value) * UINT64_C(0x100000001b3);
}

static inline uint64_t cnnscore_hash_add_bytes(uint64_t hash, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) hash = cnnscore_hash_add(hash, (unsigned char)bytes[i]);
    return hash;
}

static inline uint64_t cnnscore_hash_mix(uint64_t hash) {
    hash = (hash ^ (hash >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    return hash ^ (hash >> 31);
}

/* A seed from the site alone: its contig's name and its position. */
static inline uint64_t cnnscore_site_seed(const char *contig, size_t length, int64_t pos) {
    uint64_t hash = cnnscore_hash_add_bytes(CNNSCORE_HASH_START, contig, length);
    return cnnscore_hash_mix(hash ^ (uint64_t)pos * UINT64_C(0x9E3779B97F4A7C15));
}

/* READS_PRIMARY takes the least: a hash of the read's name and of which of its pair it is. */
static inline uint64_t cnnscore_read_hash(const char *name, uint16_t flag) {
    uint64_t hash = cnnscore_hash_add_bytes(CNNSCORE_HASH_START, name, strlen(name));
    return cnnscore_hash_mix(cnnscore_hash_add(hash, flag >> 6 & 3));
}

/* READS_GATK: reservoir sampling (Vitter's algorithm R). The state is `own`, or one that runs on from site to
 * site. */
typedef struct {
    cnnscore_random own, *random;
    int64_t seen;
} cnnscore_reservoir;

/* Begin a site; `running` NULL: a state seeded by the site alone. */
static inline void cnnscore_reservoir_start(cnnscore_reservoir *self, const char *contig, int64_t pos,
                                            cnnscore_random *running) {
    self->seen = 0;
    self->own = cnnscore_random_seeded(cnnscore_site_seed(contig, strlen(contig), pos));
    self->random = running ? running : &self->own;
}

/* Slot for the next read: below `limit` to keep it there, else -1. */
static inline int64_t cnnscore_reservoir_slot(cnnscore_reservoir *self, int32_t limit) {
    self->seen++;
    if (self->seen <= limit) return self->seen - 1;
    int32_t bound = self->seen > INT32_MAX ? INT32_MAX : (int32_t)self->seen;
    int32_t slot = cnnscore_random_below(self->random, bound);
    return slot < limit ? slot : -1;
}

#endif
