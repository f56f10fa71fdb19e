/* arrow.c: columns -> a stream of the Arrow C interface. */
#include "arrow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

/* ---- the interface's own structures, whose layout is fixed ---- */

#define ARROW_FLAG_NULLABLE 2

struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

/* What a stream holds until it is taken. */
typedef struct {
    struct ArrowSchema schema;
    struct ArrowArray batch; /* released once handed out */
} held;

/* ---- the columns' types ---- */

static void release_schema(struct ArrowSchema *schema) {
    for (int64_t i = 0; schema->children && i < schema->n_children; i++) {
        struct ArrowSchema *child = schema->children[i];
        if (child && child->release) child->release(child);
        free(child);
    }
    free(schema->children);
    free((char *)schema->format);
    free((char *)schema->name);
    schema->release = NULL;
}

static int schema_new(struct ArrowSchema *schema, const char *format, const char *name, int64_t n_children) {
    *schema = (struct ArrowSchema){.n_children = n_children, .release = release_schema};
    schema->format = strdup(format);
    schema->name = strdup(name);
    schema->children = calloc((size_t)n_children + 1, sizeof *schema->children);
    for (int64_t i = 0; schema->children && i < n_children; i++)
        if (!(schema->children[i] = calloc(1, sizeof **schema->children))) return -1;
    return schema->format && schema->name && schema->children ? 0 : -1;
}

static int copy_schema(const struct ArrowSchema *from, struct ArrowSchema *to) {
    int failed = schema_new(to, from->format, from->name, from->n_children);
    to->flags = from->flags;
    for (int64_t i = 0; !failed && i < from->n_children; i++)
        failed = copy_schema(from->children[i], to->children[i]);
    return failed;
}

/* ---- their values ---- */

static void release_array(struct ArrowArray *array) {
    for (int64_t i = 0; array->children && i < array->n_children; i++) {
        struct ArrowArray *child = array->children[i];
        if (child && child->release) child->release(child);
        free(child);
    }
    free(array->children);
    for (int64_t i = 0; array->buffers && i < array->n_buffers; i++) free((void *)array->buffers[i]);
    free(array->buffers);
    array->release = NULL;
}

static int array_new(struct ArrowArray *array, int64_t rows, int64_t n_buffers, int64_t n_children) {
    *array = (struct ArrowArray){
        .length = rows, .n_buffers = n_buffers, .n_children = n_children, .release = release_array};
    array->buffers = calloc((size_t)n_buffers, sizeof *array->buffers);
    array->children = calloc((size_t)n_children + 1, sizeof *array->children);
    for (int64_t i = 0; array->children && i < n_children; i++)
        if (!(array->children[i] = calloc(1, sizeof **array->children))) return -1;
    return array->buffers && array->children ? 0 : -1;
}

/* Never NULL, but for want of memory: a buffer of no bytes has an address too. */
static int copy_buffer(struct ArrowArray *array, int64_t number, const void *from, int64_t bytes) {
    void *copy = malloc((size_t)bytes + 1);
    if (copy && bytes) memcpy(copy, from, (size_t)bytes);
    array->buffers[number] = copy;
    return copy ? 0 : -1;
}

static int fill_column(const cnnscore_column *column, int64_t rows, struct ArrowSchema *schema,
                       struct ArrowArray *array) {
    int64_t n_buffers = column->offsets ? 3 : 2;
    int failed = schema_new(schema, column->format, column->name, 0) | array_new(array, rows, n_buffers, 0);
    if (failed) return failed;
    schema->flags = ARROW_FLAG_NULLABLE;
    array->null_count = column->valid ? column->missing : 0;
    if (column->valid) failed |= copy_buffer(array, 0, column->valid, (rows + 7) / 8);
    if (column->offsets)
        failed |= copy_buffer(array, 1, column->offsets, (rows + 1) * (int64_t)sizeof *column->offsets);
    return failed | copy_buffer(array, n_buffers - 1, column->data, column->bytes);
}

/* ---- the stream ---- */

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    const held *self = stream->private_data;
    if (copy_schema(&self->schema, out) == 0) return 0;
    release_schema(out);
    return ENOMEM;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    held *self = stream->private_data;
    *out = self->batch; /* that of an end is released */
    self->batch = (struct ArrowArray){0};
    return 0;
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
    (void)stream;
    return "out of memory";
}

static void release_stream(struct ArrowArrayStream *stream) {
    held *self = stream->private_data;
    if (self->schema.release) self->schema.release(&self->schema);
    if (self->batch.release) self->batch.release(&self->batch);
    free(self);
    stream->release = NULL;
}

int cnnscore_arrow_stream(const cnnscore_column *columns, int32_t n_columns, int64_t rows, void **out,
                          cnnscore_error *err) {
    *out = NULL;
    struct ArrowArrayStream *stream = calloc(1, sizeof *stream);
    held *self = calloc(1, sizeof *self);
    if (!stream || !self) {
        free(stream);
        free(self);
        return cnnscore_fail_memory(err);
    }
    *stream =
        (struct ArrowArrayStream){get_schema, get_next, get_last_error, release_stream, .private_data = self};
    int failed = schema_new(&self->schema, "+s", "", n_columns) | array_new(&self->batch, rows, 1, n_columns);
    for (int32_t i = 0; !failed && i < n_columns; i++)
        failed = fill_column(&columns[i], rows, self->schema.children[i], self->batch.children[i]);
    if (failed) {
        cnnscore_arrow_stream_free(stream);
        return cnnscore_fail_memory(err);
    }
    *out = stream;
    return CNNSCORE_OK;
}

void cnnscore_arrow_stream_free(void *given) {
    struct ArrowArrayStream *stream = given;
    if (stream && stream->release) stream->release(stream);
    free(stream);
}
