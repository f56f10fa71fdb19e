/* host.c: a program without Python that uses libcnnscore.so; each command is one test's.
 *
 *   host LIBRARY open MODEL PROVIDER         status and message
 *   host LIBRARY score MODEL BATCH SCORES    on the calling thread
 *   host LIBRARY submit MODEL BATCH SCORES   many batches in flight
 *   host LIBRARY threads MODEL BATCH SCORES  eight threads, all open at once
 *   host LIBRARY storm MODEL BATCH SCORES    eight threads open, score and close while others log
 *   host LIBRARY reopen MODEL BATCH SCORES   open, close, dlclose, and again
 *   host LIBRARY leave MODEL BATCH           exit with batches in flight and the engine open
 *   host LIBRARY stress MODEL BATCH SECONDS  loops; resident kB after warming up and at the end
 *   host LIBRARY signals MODEL               counts the handlers that an engine changed
 *   host LIBRARY files MODEL BATCH           names the libraries in the process after scoring
 *
 * $HOST_DLOPEN=local loads the library with RTLD_LOCAL, else RTLD_GLOBAL. */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cnnscore.h"

#define N_THREADS 8
#define N_TICKETS 24
#define N_ROUNDS 6 /* of a storm */

#define CHECK(condition)                                                                \
    do {                                                                                \
        if (!(condition)) {                                                             \
            fprintf(stderr, "host.c:%d: %s (%s)\n", __LINE__, #condition, err.message); \
            exit(1);                                                                    \
        }                                                                               \
    } while (0)

static __typeof__(cnnscore_abi_version) *abi_version;
static __typeof__(cnnscore_engine_open) *engine_open;
static __typeof__(cnnscore_engine_describe) *engine_describe;
static __typeof__(cnnscore_engine_score) *engine_score;
static __typeof__(cnnscore_engine_submit) *engine_submit;
static __typeof__(cnnscore_engine_collect) *engine_collect;
static __typeof__(cnnscore_engine_close) *engine_close;

static _Thread_local cnnscore_error err;

static void *symbol(void *library, const char *name) {
    void *address = dlsym(library, name);
    if (!address) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return address;
}

static void *load(const char *path) {
    const char *how = getenv("HOST_DLOPEN");
    void *library = dlopen(path, RTLD_NOW | (how && !strcmp(how, "local") ? RTLD_LOCAL : RTLD_GLOBAL));
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    abi_version = symbol(library, "cnnscore_abi_version");
    engine_open = symbol(library, "cnnscore_engine_open");
    engine_describe = symbol(library, "cnnscore_engine_describe");
    engine_score = symbol(library, "cnnscore_engine_score");
    engine_submit = symbol(library, "cnnscore_engine_submit");
    engine_collect = symbol(library, "cnnscore_engine_collect");
    engine_close = symbol(library, "cnnscore_engine_close");
    return library;
}

static cnnscore_engine *open_engine(const char *model) {
    cnnscore_engine_options options = {.struct_size = sizeof options,
                                       .abi_version = CNNSCORE_ABI_VERSION,
                                       .model = model,
                                       .provider = "cpu"};
    cnnscore_engine *engine;
    CHECK(engine_open(&options, &engine, &err) == CNNSCORE_OK);
    return engine;
}

/* A batch as test_host_program.py writes it: five counts, then each column behind its size in bytes. */
static void *read_column(FILE *file) {
    int64_t size;
    CHECK(fread(&size, sizeof size, 1, file) == 1);
    void *column = malloc((size_t)size + 1);
    CHECK(column && fread(column, 1, (size_t)size, file) == (size_t)size);
    return column;
}

static cnnscore_window_batch read_batch(const char *path) {
    FILE *file = fopen(path, "rb");
    int32_t counts[5];
    CHECK(file && fread(counts, sizeof counts, 1, file) == 1);
    cnnscore_window_batch batch = {.struct_size = sizeof batch,
                                   .n_sites = counts[0],
                                   .n_annotations = counts[1],
                                   .reference_left = counts[2],
                                   .reference_width = counts[3],
                                   .n_contigs = counts[4]};
    batch.contig = read_column(file);
    batch.pos = read_column(file);
    batch.end = read_column(file);
    batch.kind = read_column(file);
    batch.site_allele = read_column(file);
    batch.allele_offset = read_column(file);
    batch.alleles = read_column(file);
    batch.annotations = read_column(file);
    batch.reference = read_column(file);
    batch.site_read = read_column(file);
    batch.read_offset = read_column(file);
    batch.reads = read_column(file);
    batch.contig_length = read_column(file);
    batch.contig_offset = read_column(file);
    batch.contig_names = read_column(file);
    fclose(file);
    return batch;
}

static void free_batch(cnnscore_window_batch *batch) {
    const void *columns[] = {batch->contig,        batch->pos,           batch->end,
                             batch->kind,          batch->site_allele,   batch->allele_offset,
                             batch->alleles,       batch->annotations,   batch->reference,
                             batch->site_read,     batch->read_offset,   batch->reads,
                             batch->contig_length, batch->contig_offset, batch->contig_names};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) free((void *)(uintptr_t)columns[i]);
}

static size_t size_of_scores(const cnnscore_window_batch *batch) {
    return (size_t)batch->n_sites * sizeof(float);
}

static float *new_scores(const cnnscore_window_batch *batch) {
    float *scores = malloc(size_of_scores(batch) + 1);
    CHECK(scores);
    return scores;
}

static void write_scores(const char *path, const cnnscore_window_batch *batch, const float *scores) {
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(scores, 1, size_of_scores(batch), file) == size_of_scores(batch));
    CHECK(fclose(file) == 0);
}

static void score(const char *model, const cnnscore_window_batch *batch, float *scores) {
    cnnscore_engine *engine = open_engine(model);
    CHECK(engine_score(engine, batch, scores, &err) == CNNSCORE_OK);
    engine_close(engine);
}

/* Keeps many batches in flight and collects them last first; all give the same scores. */
static void submit(cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores) {
    float *many[N_TICKETS];
    uint64_t tickets[N_TICKETS];
    for (int i = 0; i < N_TICKETS; i++) {
        many[i] = new_scores(batch);
        CHECK(engine_submit(engine, batch, many[i], &tickets[i], &err) == CNNSCORE_OK);
    }
    for (int i = N_TICKETS - 1; i >= 0; i--) CHECK(engine_collect(engine, tickets[i], &err) == CNNSCORE_OK);
    CHECK(engine_collect(engine, tickets[0], &err) == CNNSCORE_ERR_USAGE);
    memcpy(scores, many[0], size_of_scores(batch));
    for (int i = 0; i < N_TICKETS; i++) {
        CHECK(memcmp(scores, many[i], size_of_scores(batch)) == 0);
        free(many[i]);
    }
}

typedef struct {
    const char *model;
    const cnnscore_window_batch *batch;
    pthread_barrier_t *barrier;
    cnnscore_engine **shared; /* the engine of thread 0 */
    int number;
    float *scores;
} worker;

static void *work(void *data) {
    worker *self = data;
    pthread_barrier_wait(self->barrier); /* the first use of the library, by all at once */
    cnnscore_engine *own = open_engine(self->model);
    if (self->number == 0) *self->shared = own;
    pthread_barrier_wait(self->barrier);
    CHECK(engine_score(own, self->batch, self->scores, &err) == CNNSCORE_OK);
    float *again = new_scores(self->batch);
    uint64_t ticket;
    CHECK(engine_submit(*self->shared, self->batch, again, &ticket, &err) == CNNSCORE_OK);
    CHECK(engine_collect(*self->shared, ticket, &err) == CNNSCORE_OK);
    CHECK(memcmp(again, self->scores, size_of_scores(self->batch)) == 0);
    CHECK(engine_score(*self->shared, self->batch, again, &err) == CNNSCORE_OK);
    CHECK(memcmp(again, self->scores, size_of_scores(self->batch)) == 0);
    free(again);
    pthread_barrier_wait(self->barrier);
    engine_close(own);
    return NULL;
}

static void run_threads(const char *model, const cnnscore_window_batch *batch, float *scores) {
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, N_THREADS);
    pthread_t threads[N_THREADS];
    worker workers[N_THREADS];
    cnnscore_engine *shared = NULL;
    for (int i = 0; i < N_THREADS; i++) {
        workers[i] = (worker){model, batch, &barrier, &shared, i, new_scores(batch)};
        CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < N_THREADS; i++) pthread_join(threads[i], NULL);
    memcpy(scores, workers[0].scores, size_of_scores(batch));
    for (int i = 0; i < N_THREADS; i++) {
        CHECK(memcmp(scores, workers[i].scores, size_of_scores(batch)) == 0);
        free(workers[i].scores);
    }
    pthread_barrier_destroy(&barrier);
}

/* ---- a storm ---- */

/* What the log function of one engine writes to. It is gone once the engine is closed: that this is no race
 * is what the library promises. */
typedef struct {
    long messages;
    char last[64];
    atomic_bool closing; /* orders nothing */
} listener;

static void hear(void *data, int level, const char *message) {
    listener *self = data;
    if (atomic_load_explicit(&self->closing, memory_order_relaxed)) usleep(100000); /* close must wait */
    self->messages++;
    snprintf(self->last, sizeof self->last, "%d %s", level, message);
}

static atomic_bool storm_is_over;
static atomic_long heard;

/* Says words that belong to no engine: whichever is the first hears them. */
static void *speak(void *unused) {
    int (*ensure)(void) = (int (*)(void))symbol(RTLD_DEFAULT, "PyGILState_Ensure");
    void (*release)(int) = (void (*)(int))symbol(RTLD_DEFAULT, "PyGILState_Release");
    int (*run)(const char *) = (int (*)(const char *))symbol(RTLD_DEFAULT, "PyRun_SimpleString");
    while (!atomic_load(&storm_is_over)) {
        int state = ensure();
        CHECK(run("import logging; logging.getLogger('cnnscore').warning('a word')") == 0);
        release(state);
    }
    return unused;
}

static void *open_and_close(void *data) {
    worker *self = data;
    for (int i = 0; i < N_ROUNDS; i++) {
        listener *own = calloc(1, sizeof *own);
        char *model = strdup(self->model);
        CHECK(own && model);
        cnnscore_engine_options options = {.struct_size = sizeof options,
                                           .abi_version = CNNSCORE_ABI_VERSION,
                                           .model = model,
                                           .provider = "cpu",
                                           .threads = 2,
                                           .log = hear,
                                           .log_data = own};
        cnnscore_engine *engine;
        CHECK(engine_open(&options, &engine, &err) == CNNSCORE_OK);
        free(model);
        float *again = new_scores(self->batch);
        uint64_t ticket;
        CHECK(engine_submit(engine, self->batch, again, &ticket, &err) == CNNSCORE_OK);
        CHECK(engine_score(engine, self->batch, self->scores, &err) == CNNSCORE_OK);
        CHECK(engine_collect(engine, ticket, &err) == CNNSCORE_OK);
        CHECK(memcmp(again, self->scores, size_of_scores(self->batch)) == 0);
        free(again);
        atomic_store_explicit(&own->closing, true, memory_order_relaxed);
        engine_close(engine);
        atomic_fetch_add(&heard, own->messages);
        memset(own, 0, sizeof *own);
        free(own);
    }
    return NULL;
}

static void run_storm(const char *model, const cnnscore_window_batch *batch, float *scores) {
    pthread_t threads[N_THREADS], speaker;
    worker workers[N_THREADS];
    engine_close(open_engine(model)); /* the speaker wants Python */
    CHECK(pthread_create(&speaker, NULL, speak, NULL) == 0);
    for (int i = 0; i < N_THREADS; i++) {
        workers[i] = (worker){.model = model, .batch = batch, .number = i, .scores = new_scores(batch)};
        CHECK(pthread_create(&threads[i], NULL, open_and_close, &workers[i]) == 0);
    }
    for (int i = 0; i < N_THREADS; i++) pthread_join(threads[i], NULL);
    atomic_store(&storm_is_over, true);
    pthread_join(speaker, NULL);
    CHECK(atomic_load(&heard) > 0);
    memcpy(scores, workers[0].scores, size_of_scores(batch));
    for (int i = 0; i < N_THREADS; i++) {
        CHECK(memcmp(scores, workers[i].scores, size_of_scores(batch)) == 0);
        free(workers[i].scores);
    }
}

static long resident_kb(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%*d %ld", &pages) == 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void *fail_to_open(void *unused) {
    cnnscore_engine_options options = {
        .struct_size = sizeof options, .abi_version = CNNSCORE_ABI_VERSION, .model = "/nowhere.onnx"};
    cnnscore_engine *engine;
    CHECK(engine_open(&options, &engine, &err) == CNNSCORE_ERR_INPUT && !engine);
    return unused;
}

/* Everything that allocates, for a while: engines, threads, tickets, refusals. */
static int stress(const char *model, const cnnscore_window_batch *batch, double seconds, float *scores) {
    cnnscore_engine *engine = open_engine(model);
    const double start = now(), warm = start + seconds / 3, end = start + seconds;
    long rounds = 0, before = 0;
    for (; now() < end; rounds++) {
        if (before == 0 && now() > warm) before = resident_kb();
        score(model, batch, scores);
        CHECK(engine_score(engine, batch, scores, &err) == CNNSCORE_OK);
        submit(engine, batch, scores);
        cnnscore_engine_description description = {.struct_size = sizeof description};
        CHECK(engine_describe(engine, &description, &err) == CNNSCORE_OK);
        cnnscore_window_batch lying = *batch;
        lying.n_annotations--;
        CHECK(engine_score(engine, &lying, scores, &err) == CNNSCORE_ERR_BATCH);
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, fail_to_open, NULL) == 0 && pthread_join(thread, NULL) == 0);
    }
    printf("%ld rounds, %ld kB after warming up, %ld kB at the end\n", rounds, before, resident_kb());
    engine_close(engine);
    return 0;
}

static int count_changed_signals(const char *model) {
    struct sigaction before[NSIG], after;
    memset(before, 0, sizeof before);
    for (int i = 1; i < NSIG; i++) sigaction(i, NULL, &before[i]);
    engine_close(open_engine(model));
    int changed = 0;
    for (int i = 1; i < NSIG; i++) {
        memset(&after, 0, sizeof after);
        if (sigaction(i, NULL, &after) == 0 &&
            (after.sa_handler != before[i].sa_handler || after.sa_flags != before[i].sa_flags))
            changed++;
    }
    printf("%d changed\n", changed);
    return 0;
}

/* The libraries in the process, and what Python holds of modules that bring an htslib. */
static int list_files(void) {
    char line[4096];
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps);
    while (fgets(line, sizeof line, maps)) {
        const char *path = strchr(line, '/');
        if (path) fputs(path, stdout);
    }
    fclose(maps);
    int (*ensure)(void) = (int (*)(void))symbol(RTLD_DEFAULT, "PyGILState_Ensure");
    int (*run)(const char *) = (int (*)(const char *))symbol(RTLD_DEFAULT, "PyRun_SimpleString");
    ensure();
    return run(
        "import sys\n"
        "assert 'cnnscore.score.engine' in sys.modules\n"
        "assert not {'pysam', 'cnnscore._window', 'cnnscore.calls.windows'} & set(sys.modules)\n");
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    const char *path = argv[1], *command = argv[2], *model = argv[3];
    void *library = load(path);
    CHECK(abi_version() == CNNSCORE_ABI_VERSION);
    if (!strcmp(command, "open")) {
        cnnscore_engine_options options = {.struct_size = sizeof options,
                                           .abi_version = CNNSCORE_ABI_VERSION,
                                           .model = model,
                                           .provider = argc > 4 ? argv[4] : NULL};
        cnnscore_engine *engine;
        printf("%d", engine_open(&options, &engine, &err));
        printf(" %s\n", err.message);
        engine_close(engine);
        return 0;
    }
    if (!strcmp(command, "signals")) return count_changed_signals(model);
    if (argc < 5) return 2;
    cnnscore_window_batch batch = read_batch(argv[4]);
    float *scores = new_scores(&batch);
    int rc = 0;
    if (!strcmp(command, "score")) {
        score(model, &batch, scores);
    } else if (!strcmp(command, "submit")) {
        cnnscore_engine *engine = open_engine(model);
        submit(engine, &batch, scores);
        engine_close(engine);
    } else if (!strcmp(command, "leave")) {
        cnnscore_engine *engine = open_engine(model);
        uint64_t ticket;
        for (int i = 0; i < N_TICKETS; i++)
            CHECK(engine_submit(engine, &batch, new_scores(&batch), &ticket, &err) == CNNSCORE_OK);
        exit(0);
    } else if (!strcmp(command, "threads")) {
        run_threads(model, &batch, scores);
    } else if (!strcmp(command, "storm")) {
        run_storm(model, &batch, scores);
    } else if (!strcmp(command, "reopen")) {
        for (int i = 0; i < 3; i++) {
            score(model, &batch, scores);
            CHECK(dlclose(library) == 0);
            library = load(path);
        }
    } else if (!strcmp(command, "stress")) {
        rc = stress(model, &batch, atof(argv[5]), scores);
    } else if (!strcmp(command, "files")) {
        score(model, &batch, scores);
        rc = list_files();
    } else {
        return 2;
    }
    if (argc > 5 && strcmp(command, "stress")) write_scores(argv[5], &batch, scores);
    free(scores);
    free_batch(&batch);
    return rc;
}
