/* gatk_reads.c: the gatk-reads encoding, after NVScoreVariants 4.6.2.0, quirks included.
 * The rules in words: docs/reference/encodings.md. Their plain reading: tests/oracles/encode.py.
 *
 * Gap columns are keyed by a column of the window before any gap is opened. The tool inserts
 * key by key into a string, highest key first, so that no insertion moves a lower key. The
 * result is the same as writing the row once, from left to right, with the keys ascending:
 * that is what open_gaps does. (A key beyond the end of a row appends to it.)
 */
#include <stdlib.h>
#include <string.h>

#include "gatk_reference.h"
#include "int64.h"

/* `length` gap cells before column `key`. */
typedef struct {
    int64_t key;
    int64_t length;
} gap;

typedef struct {
    gap *items;
    size_t n;
    size_t capacity;
} gap_list;

typedef struct {
    cnnscore_bam_record record;
    int64_t start; /* contig position of its first base, clips laid out; may be negative */
    char letter;   /* second sort key */
} pileup_read;

/* All memory of a call. */
typedef struct {
    pileup_read *reads; /* [n_rows] */
    int32_t *by_start;  /* [n_rows] */
    int32_t *by_letter; /* [n_rows] */
    uint8_t *codes;     /* [window] */
    gap_list pileup;    /* longest insertion at each key, keys ascending and distinct */
    gap_list own;       /* the same for what one read's CIGAR says itself */
} scratch;

/* A row of the planes while it is written. */
typedef struct {
    uint8_t *bases;
    uint8_t *quals;
    int64_t width;
    int64_t at;         /* next column */
    int64_t first_used; /* -1: none */
    int64_t last_used;
} row_writer;

/* What a row shows before gaps are opened: `skip` empty cells, then bases [drop, drop + n). */
typedef struct {
    const cnnscore_bam_record *record;
    int64_t skip;
    int64_t drop;
    int64_t n;
} row_source;

/* Whether an operator moves the index of gap keys. '=' and 'X' ought to and don't: a quirk. */
static bool counts(uint32_t code) {
    return code == CNNSCORE_CIGAR_M || code == CNNSCORE_CIGAR_I || code == CNNSCORE_CIGAR_S ||
           code == CNNSCORE_CIGAR_D;
}

/* ---- gap lists ---- */

static int gaps_reserve(gap_list *self, size_t more) {
    if (self->capacity - self->n >= more) return CNNSCORE_OK;
    size_t capacity = self->n + more;
    if (capacity < 2 * self->capacity) capacity = 2 * self->capacity;
    if (capacity < 64) capacity = 64;
    gap *items = capacity > SIZE_MAX / sizeof *items ? NULL : realloc(self->items, capacity * sizeof *items);
    if (!items) return CNNSCORE_ERR_NOMEM;
    self->items = items;
    self->capacity = capacity;
    return CNNSCORE_OK;
}

/* By key; among equal keys the longest first. */
static int gap_compare(const void *left, const void *right) {
    const gap *a = left, *b = right;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return (a->length < b->length) - (a->length > b->length);
}

/* Sorts and keeps the longest gap of each key. */
static void gaps_normalise(gap_list *self) {
    if (self->n < 2) return;
    /* A pileup has a few insertions, mostly the same one; qsort is for those who mean harm. */
    if (self->n > 64) {
        qsort(self->items, self->n, sizeof *self->items, gap_compare);
    } else {
        for (size_t i = 1; i < self->n; i++) {
            gap moved = self->items[i];
            size_t j = i;
            for (; j > 0 && gap_compare(&self->items[j - 1], &moved) > 0; j--)
                self->items[j] = self->items[j - 1];
            self->items[j] = moved;
        }
    }
    size_t kept = 1;
    for (size_t i = 1; i < self->n; i++)
        if (self->items[i].key != self->items[kept - 1].key) self->items[kept++] = self->items[i];
    self->n = kept;
}

/* Adds the read's insertions to the pileup. */
static int pileup_add(gap_list *pileup, const cnnscore_bam_record *record, int64_t offset) {
    if (gaps_reserve(pileup, record->n_insertions) != CNNSCORE_OK) return CNNSCORE_ERR_NOMEM;
    int64_t cur = 0;
    for (uint32_t i = 0; i < record->n_cigar; i++) {
        uint32_t op = cnnscore_bam_cigar(record, i), code = cnnscore_cigar_op(op);
        if (code == CNNSCORE_CIGAR_I)
            pileup->items[pileup->n++] = (gap){.key = cur - offset, .length = cnnscore_cigar_length(op)};
        if (counts(code)) cur += cnnscore_cigar_length(op);
    }
    return CNNSCORE_OK;
}

/* Lists what the read's own CIGAR asks for: its deletions, and where it carries an insertion of
 * the pileup only the rest of the longest one. Keys come out ascending and distinct. */
static int own_gaps(gap_list *own, const gap_list *pileup, const cnnscore_bam_record *record,
                    int64_t offset) {
    own->n = 0;
    if (gaps_reserve(own, (size_t)record->n_insertions + record->n_deletions) != CNNSCORE_OK)
        return CNNSCORE_ERR_NOMEM;
    int64_t cur = 0;
    size_t p = 0; /* keys only grow along a CIGAR, so one walk of the pileup will do */
    for (uint32_t i = 0; i < record->n_cigar; i++) {
        uint32_t op = cnnscore_bam_cigar(record, i), code = cnnscore_cigar_op(op);
        gap mine = {.key = cur - offset, .length = cnnscore_cigar_length(op)};
        bool listed = code == CNNSCORE_CIGAR_D;
        if (code == CNNSCORE_CIGAR_I) {
            while (p < pileup->n && pileup->items[p].key < mine.key) p++;
            if (p < pileup->n && pileup->items[p].key == mine.key) {
                mine.length = pileup->items[p].length - mine.length;
                listed = true;
            }
        }
        if (listed) {
            /* Operators of length 0 can share a key: the later one wins. */
            if (own->n > 0 && own->items[own->n - 1].key == mine.key) own->n--;
            own->items[own->n++] = mine;
        }
        if (counts(code)) cur += cnnscore_cigar_length(op);
    }
    return CNNSCORE_OK;
}

/* ---- row order ---- */

/* The letter by which rows are sorted: what the read seems to show at the variant. */
static char sort_letter(const cnnscore_bam_record *record, int64_t start, const cnnscore_site *site) {
    if (record->l_seq == 0) return 'Z';
    int64_t last = record->l_seq - 1, index = site->pos - start;
    if (site->is_snp) return CNNSCORE_READ_LETTERS[cnnscore_bam_base(record, clamp64(index, 0, last))];
    index++;
    int64_t cur = 0;
    for (uint32_t i = 0; i < record->n_cigar; i++) {
        uint32_t op = cnnscore_bam_cigar(record, i), code = cnnscore_cigar_op(op);
        cur += cnnscore_cigar_length(op);
        if (cur > index)
            return code == CNNSCORE_CIGAR_M
                       ? CNNSCORE_READ_LETTERS[cnnscore_bam_base(record, clamp64(index, 0, last))]
                       : CNNSCORE_CIGAR_LETTERS[code];
    }
    return 'Y';
}

/* Leaves in by_letter the reads sorted stably by start, then stably by letter. */
static void sort_rows(scratch *self, int32_t n) {
    /* Reads come sorted by position, so insertion has next to nothing to move. */
    for (int32_t i = 0; i < n; i++) {
        int64_t start = self->reads[i].start;
        int32_t j = i;
        for (; j > 0 && self->reads[self->by_start[j - 1]].start > start; j--)
            self->by_start[j] = self->by_start[j - 1];
        self->by_start[j] = i;
    }
    /* Counting sort; '=' comes before the letters A to Z in ASCII. */
    int32_t place[28] = {0};
    for (int32_t i = 0; i < n; i++) {
        char letter = self->reads[i].letter;
        place[letter == '=' ? 1 : letter - 'A' + 2]++;
    }
    for (int rank = 1; rank < 28; rank++) place[rank] += place[rank - 1];
    for (int32_t i = 0; i < n; i++) {
        char letter = self->reads[self->by_start[i]].letter;
        self->by_letter[place[letter == '=' ? 0 : letter - 'A' + 1]++] = self->by_start[i];
    }
}

/* ---- rows ---- */

static void mark_used(row_writer *row, int64_t n) {
    if (n <= 0) return;
    if (row->first_used < 0) row->first_used = row->at;
    row->at += n;
    row->last_used = row->at - 1;
}

/* n bases from index `from` on; nothing where the record does not hold them. */
static void write_bases(row_writer *row, const cnnscore_bam_record *record, int64_t from, int64_t n) {
    uint8_t *bases = row->bases + row->at, *quals = row->quals + row->at;
    int64_t begin = from - record->first, held = max64(begin, 0);
    int64_t held_end = max64(held, min64(begin + n, record->n_held));
    if (held_end - held < n) {
        memset(bases, CNNSCORE_READ_NONE, (size_t)n);
        memset(quals, 0, (size_t)n);
    }
    if (held == held_end) return;
    cnnscore_bam_bases(record->seq, held, held_end - held, bases + (held - begin));
    memcpy(quals + (held - begin), record->qual + held, (size_t)(held_end - held));
}

/* Cells [from, to) of the source. */
static void write_source(row_writer *row, const row_source *source, int64_t from, int64_t to) {
    to = min64(to, from + row->width - row->at);
    if (from < source->skip && from < to) {
        int64_t n = min64(to, source->skip) - from;
        memset(row->bases + row->at, CNNSCORE_READ_NONE, (size_t)n);
        memset(row->quals + row->at, 0, (size_t)n);
        row->at += n;
        from += n;
    }
    if (from < to) {
        write_bases(row, source->record, source->drop + from - source->skip, to - from);
        mark_used(row, to - from);
    }
}

static void write_gaps(row_writer *row, int64_t n) {
    n = min64(n, row->width - row->at);
    if (n <= 0) /* a carrier of the longest insertion has nothing to open */
        return;
    memset(row->bases + row->at, CNNSCORE_READ_GAP, (size_t)n);
    memset(row->quals + row->at, 0, (size_t)n);
    mark_used(row, n);
}

/* The source with the gaps of `own` opened, and those of `pileup` at keys that `own` lacks. */
static void open_gaps(row_writer *row, const row_source *source, const gap_list *own,
                      const gap_list *pileup) {
    int64_t length = source->skip + source->n, done = 0;
    size_t o = 0, p = 0;
    while (row->at < row->width && (o < own->n || p < pileup->n)) {
        gap next;
        if (p == pileup->n || (o < own->n && own->items[o].key <= pileup->items[p].key)) {
            next = own->items[o++];
            if (p < pileup->n && pileup->items[p].key == next.key) p++;
        } else {
            next = pileup->items[p++];
        }
        /* Key 0 and below all stand before the row, whether it starts here or further left. */
        int64_t until = clamp64(next.key, done, length);
        write_source(row, source, done, until);
        done = until;
        write_gaps(row, next.length);
    }
    write_source(row, source, done, length);
}

static int write_row(scratch *self, const pileup_read *read, int64_t offset, int32_t window, uint8_t *bases,
                     uint8_t *quals, uint8_t *flags) {
    const cnnscore_bam_record *record = &read->record;
    row_writer row = {.bases = bases, .quals = quals, .width = window, .first_used = -1};
    row_source source = {.record = record};
    /* Only the first `window` bases of a read are looked at, wherever it starts. */
    int64_t n_bases = min64(window, record->l_seq);
    if (offset > 0)
        source.drop = min64(offset, n_bases);
    else
        source.skip = -offset;
    source.n = n_bases - source.drop;

    self->own.n = 0;
    if (record->n_deletions > 0 || (record->n_insertions > 0 && self->pileup.n > 0))
        if (own_gaps(&self->own, &self->pileup, record, offset) != CNNSCORE_OK) return CNNSCORE_ERR_NOMEM;
    open_gaps(&row, &source, &self->own, &self->pileup);
    memset(bases + row.at, CNNSCORE_READ_NONE, (size_t)(window - row.at));
    memset(quals + row.at, 0, (size_t)(window - row.at));
    /* The last used column gets no flags and no MAPQ: a quirk. */
    if (row.first_used >= 0)
        for (int64_t i = row.first_used; i < row.last_used; i++) bases[i] |= CNNSCORE_READ_SPAN;

    flags[0] = (uint8_t)((record->flag & CNNSCORE_FLAG_REVERSE ? CNNSCORE_ROW_REVERSE : 0) |
                         (record->flag & CNNSCORE_FLAG_MATE_REVERSE ? CNNSCORE_ROW_MATE_REVERSE : 0) |
                         (record->flag & CNNSCORE_FLAG_FIRST ? CNNSCORE_ROW_FIRST : 0) |
                         (record->flag & CNNSCORE_FLAG_SECOND ? CNNSCORE_ROW_SECOND : 0));
    flags[1] = record->mapq;
    return CNNSCORE_OK;
}

/* The reference codes with the pileup's insertions opened. Unlike a row it counts as `window`
 * cells long even where the contig ends, so a key beyond it is out of sight. */
static void write_reference(scratch *self, const cnnscore_window_batch *batch, const cnnscore_site *site,
                            int32_t window, uint8_t *reference) {
    if (self->pileup.n == 0) {
        cnnscore_gatk_reference_codes(batch, site, window, reference);
        return;
    }
    cnnscore_gatk_reference_codes(batch, site, window, self->codes);
    int64_t at = 0, done = 0;
    for (size_t i = 0; i < self->pileup.n && at < window; i++) {
        int64_t n = min64(clamp64(self->pileup.items[i].key, done, window) - done, window - at);
        memcpy(reference + at, self->codes + done, (size_t)n);
        at += n;
        done += n;
        n = min64(self->pileup.items[i].length, window - at);
        memset(reference + at, CNNSCORE_REF_GAP, (size_t)n);
        at += n;
    }
    memcpy(reference + at, self->codes + done, (size_t)(window - at));
}

/* ---- sites ---- */

/* Reads the site's records and gathers the insertions of the pileup. */
static int load_reads(scratch *self, const cnnscore_window_batch *batch, const cnnscore_site *site,
                      int64_t window_start, int32_t window, cnnscore_error *err) {
    self->pileup.n = 0;
    for (int64_t i = 0; i < site->n_reads; i++) {
        pileup_read *read = &self->reads[i];
        int rc = cnnscore_site_read(batch, site, i, &read->record, err);
        if (rc != CNNSCORE_OK) return rc;
        read->start = read->record.flag & CNNSCORE_FLAG_UNMAPPED ? -1 : read->record.pos - read->record.clip;
        read->letter = sort_letter(&read->record, read->start, site);
        int64_t offset = window_start - read->start;
        if (read->record.n_insertions > 0 && offset > -window && offset < window)
            if (pileup_add(&self->pileup, &read->record, offset) != CNNSCORE_OK)
                return cnnscore_fail_memory(err);
    }
    gaps_normalise(&self->pileup);
    return CNNSCORE_OK;
}

static int encode_site(scratch *self, const cnnscore_window_batch *batch, int64_t index, int32_t window,
                       int32_t n_rows, uint8_t *bases, uint8_t *quals, uint8_t *rows, uint8_t *reference,
                       cnnscore_error *err) {
    cnnscore_site site;
    int rc = cnnscore_site_open(batch, index, CNNSCORE_VIEW_READS, &site, err);
    if (rc != CNNSCORE_OK) return rc;
    if (site.n_reads > n_rows)
        return cnnscore_site_fail(batch, index, err, "it has %lld reads, the encoding takes %ld",
                                  (long long)site.n_reads, (long)n_rows);
    /* Reads keep this offset at a contig's start, where the reference is shifted: a quirk. */
    int64_t window_start = site.pos - window / 2;
    rc = load_reads(self, batch, &site, window_start, window, err);
    if (rc != CNNSCORE_OK) return rc;

    size_t used = (size_t)site.n_reads, width = (size_t)window, unused = (size_t)n_rows - used;
    sort_rows(self, (int32_t)used);
    for (size_t i = 0; i < used; i++) {
        const pileup_read *read = &self->reads[self->by_letter[i]];
        rc = write_row(self, read, window_start - read->start, window, bases + i * width, quals + i * width,
                       rows + i * 2);
        if (rc != CNNSCORE_OK) return cnnscore_fail(err, rc, "encode: out of memory");
    }
    memset(bases + used * width, CNNSCORE_READ_NONE, unused * width);
    memset(quals + used * width, 0, unused * width);
    memset(rows + used * 2, 0, unused * 2);
    write_reference(self, batch, &site, window, reference);
    return CNNSCORE_OK;
}

static void scratch_free(scratch *self) {
    free(self->reads);
    free(self->by_start);
    free(self->by_letter);
    free(self->codes);
    free(self->pileup.items);
    free(self->own.items);
}

static int scratch_init(scratch *self, int32_t window, int32_t n_rows) {
    size_t n = (size_t)n_rows;
    memset(self, 0, sizeof *self);
    self->reads = calloc(n, sizeof *self->reads);
    self->by_start = calloc(n, sizeof *self->by_start);
    self->by_letter = calloc(n, sizeof *self->by_letter);
    self->codes = malloc((size_t)window);
    if (self->reads && self->by_start && self->by_letter && self->codes) return CNNSCORE_OK;
    scratch_free(self);
    return CNNSCORE_ERR_NOMEM;
}

int cnnscore_encode_gatk_reads(const cnnscore_window_batch *batch, const int64_t *order, int64_t n,
                               int32_t window, int32_t n_rows, uint8_t *bases, uint8_t *quals, uint8_t *rows,
                               uint8_t *reference, cnnscore_error *err) {
    int rc = cnnscore_batch_open(batch, CNNSCORE_VIEW_READS, err);
    if (rc == CNNSCORE_OK) rc = cnnscore_request_check(batch, order, n, window, window, err);
    if (rc != CNNSCORE_OK) return rc;
    if (n_rows < 1) return cnnscore_fail(err, CNNSCORE_ERR_USAGE, "encode: %ld rows per site", (long)n_rows);

    scratch self;
    if (scratch_init(&self, window, n_rows) != CNNSCORE_OK) return cnnscore_fail_memory(err);
    size_t width = (size_t)window, height = (size_t)n_rows;
    for (int64_t i = 0; rc == CNNSCORE_OK && i < n; i++) {
        size_t at = (size_t)i;
        rc = encode_site(&self, batch, order[i], window, n_rows, bases + at * height * width,
                         quals + at * height * width, rows + at * height * 2, reference + at * width, err);
    }
    scratch_free(&self);
    return rc;
}
