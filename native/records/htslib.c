/* htslib.c: which htslib this is, and how much it says. */
#include <htslib/hts.h>
#include <htslib/hts_log.h>

#include "records.h"

const char *cnnscore_htslib_version(void) {
    return hts_version();
}

const char *cnnscore_htslib_features(void) {
    return hts_feature_string();
}

/* Said by native/build_native.py. */
#ifndef CNNSCORE_HTSLIB_SOURCE
#define CNNSCORE_HTSLIB_SOURCE "the host's"
#endif

const char *cnnscore_htslib_source(void) {
    return CNNSCORE_HTSLIB_SOURCE;
}

void cnnscore_htslib_verbosity(int32_t level) {
    hts_set_log_level((enum htsLogLevel)level);
}
