/* site_reads.c: which reads a site gets. */
#include "site_reads.h"

#include <stdlib.h>
#include <string.h>

#include "grow.h"

/* A site closer than this to those before it goes on with their region query. A fresh query starts
 * reading at the index's linear bin, on average half of 16 kb before the locus: reading on is no
 * dearer than that. */
#define SHARED_QUERY_GAP 8192
/* A query reaches this far past its first site, for those that may follow: 16 of the index's bins. */
#define QUERY_REACH ((int64_t)1 << 18)
/* A site that spans more than this is read alone, its reads sampled as they stream by. */
#define LONG_SITE 20000

/* READS_PRIMARY: soft clips count as part of a read, up to this many bases each side. */
#define CLIP_REACH 128

/* `begin` and `end` say what the read overlaps, by the rule; `pos` is where the file has it. */
struct cnnscore_pooled_read {
    bam1_t *read;
    int64_t pos, begin, end;
    cnnscore_read_cursor *cursor; /* of a long one that counts, else NULL */
    int32_t file;
    bool counts;
};

struct cnnscore_hashed_read {
    uint64_t hash;
    const cnnscore_pooled_read *pooled;
};

int cnnscore_site_reads_open(cnnscore_site_reads *self, const cnnscore_reader_options *o,
                             cnnscore_error *err) {
    self->read_limit = o->read_limit;
    self->downsampling = o->downsampling;
    self->gatk_random = cnnscore_random_seeded(CNNSCORE_GATK_SEED);
    self->cutter = (cnnscore_cutter){.read_rule = o->read_rule,
                                     .reference_left = o->reference_left,
                                     .reference_width = o->reference_width,
                                     .whole = o->whole_reads};
    self->chosen = calloc((size_t)o->read_limit + 1, sizeof *self->chosen);
    self->at = calloc((size_t)o->n_reads + 1, sizeof *self->at);
    if (!self->chosen || !self->at || cnnscore_merge_init(&self->merge, o->n_reads) < 0)
        return cnnscore_fail_memory(err);
    return cnnscore_reads_open(&self->reads, o, err);
}

void cnnscore_site_reads_close(cnnscore_site_reads *self) {
    for (size_t i = 0; i < self->n_pool; i++) {
        bam_destroy1(self->pool[i].read);
        free(self->pool[i].cursor);
    }
    cnnscore_cutter_free(&self->cutter);
    cnnscore_reads_close(&self->reads);
    cnnscore_merge_free(&self->merge);
    free(self->pool);
    free(self->at);
    free(self->chosen);
    free(self->hashed);
}

/* Forget pooled reads that end at or before `pos`. */
static void pool_trim(cnnscore_site_reads *self, int64_t pos) {
    size_t kept = 0;
    for (size_t i = 0; i < self->n_pool; i++) {
        if (self->pool[i].end > pos) {
            self->pool[kept++] = self->pool[i];
        } else {
            cnnscore_reads_give_back(&self->reads, self->pool[i].read);
            free(self->pool[i].cursor);
        }
    }
    self->n_pool = kept;
}

void cnnscore_site_reads_end_query(cnnscore_site_reads *self) {
    pool_trim(self, INT64_MAX);
    self->query_end = 0;
}

void cnnscore_site_reads_enter(cnnscore_site_reads *self, const char *contig, int64_t contig_length) {
    cnnscore_site_reads_end_query(self);
    self->contig = contig;
    self->contig_length = contig_length;
}

static bool is_primary(const cnnscore_site_reads *self) {
    return self->reads.rule == CNNSCORE_READS_PRIMARY;
}

/* How far from a site its reads may be aligned. */
static int64_t reach(const cnnscore_site_reads *self) {
    return is_primary(self) ? CLIP_REACH : 0;
}

/* ---- sampling ---- */

/* By hash; records of one name by what they hold, so that the order of files never matters. */
static int compare_hashed(const void *left, const void *right) {
    const cnnscore_hashed_read *a = left, *b = right;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    return cnnscore_reads_compare(a->pooled->read, b->pooled->read);
}

static void reservoir_start(cnnscore_reservoir *r, cnnscore_site_reads *self, int64_t pos) {
    bool runs_on = self->downsampling == CNNSCORE_DOWNSAMPLE_GATK;
    cnnscore_reservoir_start(r, self->contig, pos, runs_on ? &self->gatk_random : NULL);
}

/* Append what an encoding can see of a read. */
static int keep(cnnscore_site_reads *self, const cnnscore_pooled_read *chosen, int64_t number,
                const cnnscore_wanted_site *site, cnnscore_windows *windows, cnnscore_error *err) {
    const bam1_t *read = chosen->read;
    cnnscore_read_cursor passing = {0}, *cursor = chosen->cursor ? chosen->cursor : &passing;
    cnnscore_kept_read kept = cnnscore_whole_read(read);
    if (!cursor->known) { /* a long read is looked through once */
        int code = cnnscore_reads_check_cigar(&self->reads, chosen->file, read, err);
        if (code != CNNSCORE_OK) return code;
    }
    if (cnnscore_is_long(&self->cutter, read) &&
        cnnscore_cut_read(&self->cutter, read, cursor, site, &kept) < 0)
        return cnnscore_fail_memory(err);
    return cnnscore_windows_append(windows, number, read, &kept, site->contig) < 0 ? cnnscore_fail_memory(err)
                                                                                   : CNNSCORE_OK;
}

static int keep_chosen(cnnscore_site_reads *self, const cnnscore_wanted_site *site, cnnscore_windows *windows,
                       int64_t seen, cnnscore_error *err) {
    int64_t n = seen < self->read_limit ? seen : self->read_limit, first = windows->site_read[site->index];
    self->reads.counts.sites++;
    if (seen > self->read_limit) self->reads.counts.sites_sampled++;
    if (n == 0) self->reads.counts.sites_empty++;
    if (cnnscore_reserve(&windows->read_offset, &windows->read_capacity, (size_t)(first + n + 1),
                         sizeof(int64_t)) < 0)
        return cnnscore_fail_memory(err);
    for (int64_t i = 0; i < n; i++) {
        int code = keep(self, &self->chosen[i], first + i, site, windows, err);
        if (code != CNNSCORE_OK) return code;
    }
    windows->site_read[site->index + 1] = first + n;
    windows->site_depth[site->index] = seen < INT32_MAX ? (int32_t)seen : INT32_MAX;
    return CNNSCORE_OK;
}

/* ---- a long site ---- */

/* Of READS_GATK: no other rule has sites that long. A query of its own merges as the site's pool would. */
static int append_long(cnnscore_site_reads *self, const cnnscore_wanted_site *site, cnnscore_windows *windows,
                       cnnscore_error *err) {
    int64_t pos = site->pos, end = site->end;
    cnnscore_reservoir sample;
    reservoir_start(&sample, self, pos);
    cnnscore_site_reads_end_query(self);
    int code = cnnscore_reads_query(&self->reads, self->contig, pos, end, err);
    while (code == CNNSCORE_OK && cnnscore_reads_next_pos(&self->reads) < end) {
        cnnscore_taken_read taken;
        code = cnnscore_reads_take(&self->reads, pos, &taken, err);
        bam1_t *unwanted = taken.read;
        int64_t slot = taken.counts ? cnnscore_reservoir_slot(&sample, self->read_limit) : -1;
        if (slot >= 0) {
            unwanted = sample.seen > self->read_limit ? self->chosen[slot].read : NULL;
            self->chosen[slot] = (cnnscore_pooled_read){.read = taken.read, .file = taken.file};
        }
        cnnscore_reads_give_back(&self->reads, unwanted);
    }
    if (code == CNNSCORE_OK) code = keep_chosen(self, site, windows, sample.seen, err);
    int64_t held = sample.seen < self->read_limit ? sample.seen : self->read_limit;
    for (int64_t i = 0; i < held; i++) cnnscore_reads_give_back(&self->reads, self->chosen[i].read);
    return code;
}

/* ---- the pool ---- */

static int64_t clip_length(const bam1_t *read, bool last) {
    const uint32_t *cigar = bam_get_cigar(read);
    int64_t n = read->core.n_cigar, length = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t op = cigar[last ? n - 1 - i : i];
        if (bam_cigar_op(op) == BAM_CSOFT_CLIP)
            length += bam_cigar_oplen(op);
        else if (bam_cigar_op(op) != BAM_CHARD_CLIP)
            break;
    }
    return length < CLIP_REACH ? length : CLIP_REACH;
}

/* Returns -1 when memory is short. */
static int pool_add(cnnscore_site_reads *self, const cnnscore_taken_read *taken) {
    int64_t pos = taken->read->core.pos;
    cnnscore_pooled_read read = {taken->read, pos, pos, taken->end, NULL, taken->file, taken->counts};
    if (is_primary(self)) {
        read.begin -= clip_length(read.read, false);
        read.end += clip_length(read.read, true);
    }
    if (read.counts && cnnscore_is_long(&self->cutter, read.read)) {
        read.cursor = calloc(1, sizeof *read.cursor);
        if (!read.cursor) return -1;
    }
    self->pool[self->n_pool++] = read;
    return 0;
}

/* Pool the reads that may overlap [pos, end), and those between. What does not count is of use only where
 * files are merged. */
static int pool_fill(cnnscore_site_reads *self, int64_t pos, int64_t end, cnnscore_error *err) {
    while (cnnscore_reads_next_pos(&self->reads) < end + reach(self)) {
        cnnscore_taken_read taken;
        if (cnnscore_reserve(&self->pool, &self->pool_capacity, self->n_pool + 1, sizeof *self->pool) < 0)
            return cnnscore_fail_memory(err);
        int code = cnnscore_reads_take(&self->reads, pos - reach(self), &taken, err);
        bool wanted = taken.read && (taken.counts || self->reads.n_files > 1);
        if (!wanted || pool_add(self, &taken) < 0) {
            cnnscore_reads_give_back(&self->reads, taken.read);
            if (wanted && code == CNNSCORE_OK) code = cnnscore_fail_memory(err);
        }
        if (code != CNNSCORE_OK) return code;
    }
    return CNNSCORE_OK;
}

/* Make the running query one that the site can go on with. */
static int enter_query(cnnscore_site_reads *self, int64_t pos, int64_t end, cnnscore_error *err) {
    int64_t last = end + reach(self) < self->contig_length ? end + reach(self) : self->contig_length;
    bool goes_on =
        pos >= self->query_pos && pos < self->query_seen + SHARED_QUERY_GAP && last <= self->query_end;
    if (!goes_on) {
        int64_t begin = pos > reach(self) ? pos - reach(self) : 0, stop = end + QUERY_REACH;
        if (stop > self->contig_length) stop = self->contig_length;
        cnnscore_site_reads_end_query(self);
        int code = cnnscore_reads_query(&self->reads, self->contig, begin, stop, err);
        if (code != CNNSCORE_OK) return code;
        self->query_seen = end;
        self->query_end = stop;
    }
    self->query_pos = pos;
    if (end > self->query_seen) self->query_seen = end;
    return CNNSCORE_OK;
}

/* ---- a site's pooled reads ---- */

/* Queue a file by its first read over [pos, end) from index `from` of the pool on, if there is one. */
static void queue_file(cnnscore_site_reads *self, int32_t file, size_t from, int64_t pos, int64_t end) {
    for (size_t i = from; i < self->n_pool && self->pool[i].pos < end + reach(self); i++) {
        const cnnscore_pooled_read *read = &self->pool[i];
        if (read->file != file || read->begin >= end || read->end <= pos) continue;
        self->at[file] = i;
        cnnscore_merge_offer(&self->merge, file, read->read);
        return;
    }
}

/* Begin with the reads over [pos, end). The files are merged anew for each site, as GATK does, which queries
 * each site: merged once for all, one site's order would depend on the reads before it. */
static void walk_start(cnnscore_site_reads *self, int64_t pos, int64_t end) {
    self->merge.n = 0;
    for (int32_t file = 0; file < self->reads.n_files; file++) queue_file(self, file, 0, pos, end);
}

/* The next of them that counts; NULL at the end. */
static const cnnscore_pooled_read *walk_next(cnnscore_site_reads *self, int64_t pos, int64_t end) {
    while (self->merge.n > 0) {
        int32_t file = cnnscore_merge_take(&self->merge);
        const cnnscore_pooled_read *read = &self->pool[self->at[file]];
        queue_file(self, file, self->at[file] + 1, pos, end);
        if (read->counts) return read;
    }
    return NULL;
}

/* Up to read_limit of the reads over [pos, end), by a reservoir. */
static int64_t choose_by_reservoir(cnnscore_site_reads *self, int64_t pos, int64_t end) {
    cnnscore_reservoir sample;
    reservoir_start(&sample, self, pos);
    walk_start(self, pos, end);
    for (const cnnscore_pooled_read *read; (read = walk_next(self, pos, end));) {
        int64_t slot = cnnscore_reservoir_slot(&sample, self->read_limit);
        if (slot >= 0) self->chosen[slot] = *read;
    }
    return sample.seen;
}

/* Those of the least hashes: the same reads whatever file and locus they come from. Returns how many
 * there are to choose from, -1 when memory is short. */
static int64_t choose_by_hash(cnnscore_site_reads *self, int64_t pos, int64_t end) {
    size_t n = 0;
    if (cnnscore_reserve(&self->hashed, &self->hashed_capacity, self->n_pool + 1, sizeof *self->hashed) < 0)
        return -1;
    walk_start(self, pos, end);
    for (const cnnscore_pooled_read *read; (read = walk_next(self, pos, end));)
        self->hashed[n++].pooled = read;
    if (n > (size_t)self->read_limit) {
        for (size_t i = 0; i < n; i++) {
            const bam1_t *read = self->hashed[i].pooled->read;
            self->hashed[i].hash = cnnscore_read_hash(bam_get_qname(read), read->core.flag);
        }
        qsort(self->hashed, n, sizeof *self->hashed, compare_hashed);
    }
    for (size_t i = 0; i < n && i < (size_t)self->read_limit; i++) self->chosen[i] = *self->hashed[i].pooled;
    return (int64_t)n;
}

int cnnscore_site_reads_append(cnnscore_site_reads *self, const cnnscore_wanted_site *site,
                               cnnscore_windows *windows, cnnscore_error *err) {
    int64_t pos = site->pos, end = site->end;
    if (end - pos > LONG_SITE) return append_long(self, site, windows, err);
    int code = enter_query(self, pos, end, err);
    if (code != CNNSCORE_OK) return code;
    pool_trim(self, pos);
    code = pool_fill(self, pos, end, err);
    if (code != CNNSCORE_OK) return code;
    int64_t seen = is_primary(self) ? choose_by_hash(self, pos, end) : choose_by_reservoir(self, pos, end);
    if (seen < 0) return cnnscore_fail_memory(err);
    return keep_chosen(self, site, windows, seen, err);
}
