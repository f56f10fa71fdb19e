/* expression.h: -i and -e, by the filter of the bcftools that runs the plugin. */
#ifndef CNNSCORE_PLUGIN_EXPRESSION_H
#define CNNSCORE_PLUGIN_EXPRESSION_H

#include "cnnscore.h"
#include "options.h"
#include "records.h"

typedef struct plugin_expression plugin_expression;

/* From now on `calls` hands out those records alone that -i takes or -e leaves; NULL where neither was given.
 * An expression that cannot be understood is bcftools' own error, which ends the process. Errors: USAGE for a
 * host that does not export its filter. */
int expression_open(const plugin_options *options, cnnscore_calls *calls, plugin_expression **expression,
                    cnnscore_error *err);
/* After the last record. */
void expression_close(plugin_expression *expression);

#endif
