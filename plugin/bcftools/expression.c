/* expression.c: the filter's functions are bcftools' own; their form is the same from 1.16 to today. */
#include "expression.h"

#include <htslib/vcf.h>
#include <stdbool.h>
#include <stdlib.h>

#include "calls.h"
#include "fail.h"

typedef struct filter_t filter_t;
extern filter_t *filter_init(bcf_hdr_t *header, const char *text) __attribute__((weak));
extern int filter_test(filter_t *filter, bcf1_t *record, const uint8_t **samples) __attribute__((weak));
extern void filter_destroy(filter_t *filter) __attribute__((weak));

struct plugin_expression {
    filter_t *filter;
    bool excludes;
};

/* As in all of bcftools, a record counts where one of its samples does. */
static bool takes(void *data, bcf1_t *record) {
    const plugin_expression *self = data;
    return (filter_test(self->filter, record, NULL) != 0) != self->excludes;
}

int expression_open(const plugin_options *o, cnnscore_calls *calls, plugin_expression **out,
                    cnnscore_error *err) {
    const char *text = o->include ? o->include : o->exclude;
    *out = NULL;
    if (!text) return CNNSCORE_OK;
    if (!filter_init || !filter_test || !filter_destroy)
        return cnnscore_fail(
            err, CNNSCORE_ERR_USAGE,
            "this bcftools does not lend its plugins the filter that %s needs: use `bcftools "
            "view %s '%s' | bcftools +cnnscore ... -`",
            o->include ? "-i" : "-e", o->include ? "-i" : "-e", text);
    plugin_expression *self = calloc(1, sizeof *self);
    if (!self) return cnnscore_fail_memory(err);
    self->excludes = o->exclude != NULL;
    self->filter = filter_init(calls->header, text);
    cnnscore_calls_choose(calls, takes, self, o->include ? "-i" : "-e", text);
    *out = self;
    return CNNSCORE_OK;
}

void expression_close(plugin_expression *self) {
    if (!self) return;
    filter_destroy(self->filter);
    free(self);
}
