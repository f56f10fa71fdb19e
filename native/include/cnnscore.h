/** @file cnnscore.h
 * The contract shared by every part that handles sites.
 *
 * A window batch is N candidate sites as flat columns: nothing in it is a pointer to an
 * object, so it crosses C, numpy and a wire without parsing. Coordinates are 0-based,
 * half-open. Strings are bytes, not NUL-terminated, delimited by offset columns.
 *
 * The parts between the cdef markers are read by cffi as they stand: plain C, no
 * preprocessor conditionals.
 */
#ifndef CNNSCORE_H
#define CNNSCORE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A status that a caller must look at. */
#if defined(__GNUC__) || defined(__clang__)
#define CNNSCORE_WARN_UNUSED_RESULT __attribute__((warn_unused_result))
#else
#define CNNSCORE_WARN_UNUSED_RESULT
#endif

/* cdef begin */

/** @name Status codes
 * 0 is success, negative is failure. The Python package maps each to one exception (errors.py),
 * docs/reference/errors.md lists them.
 * @{ */
#define CNNSCORE_OK 0            /**< success */
#define CNNSCORE_ERR_NOMEM -1    /**< out of memory */
#define CNNSCORE_ERR_INPUT -2    /**< a file or a record is bad: the message names it and the remedy */
#define CNNSCORE_ERR_USAGE -3    /**< the request makes no sense */
#define CNNSCORE_ERR_OUTPUT -4   /**< the output cannot be written */
#define CNNSCORE_ERR_BATCH -5    /**< a window batch contradicts itself (lengths, offsets, records) */
#define CNNSCORE_ERR_INTERNAL -6 /**< a bug in cnnscore */
#define CNNSCORE_ERR_SERVER -7   /**< a scoring server is gone, or is not the one that was meant */
/** @} */

/** Bytes of a message, its NUL included. */
#define CNNSCORE_MESSAGE_SIZE 2048

/** What went wrong. Filled by the call that failed. */
typedef struct {
    int code;           /**< CNNSCORE_ERR_* */
    char message[2048]; /**< in words for the user */
} cnnscore_error;

/** @name Kinds of sites
 * How a score is read off the class probabilities (VariantLabel of GATK's networks).
 * @{ */
#define CNNSCORE_KIND_SNP 0   /**< SNP against its artefact */
#define CNNSCORE_KIND_INDEL 1 /**< indel against its artefact */
#define CNNSCORE_KIND_OTHER 2 /**< MNP, mixed, none: the larger of both */
/** @} */

/** @name Read rules
 * Which reads count; docs/reference/encodings.md has all of it.
 * @{ */
#define CNNSCORE_READS_NONE 0 /**< no read is looked at */
/** The rule of GATK's tools: every record over the site, also duplicate, secondary, supplementary and
 * QC-fail ones, that has a read group other than ArtificialHaplotypeRG / ArtificialHaplotype, bases,
 * qualities, and (if mapped) a CIGAR. */
#define CNNSCORE_READS_GATK 1
/** The rule of our own networks: primary, mapped, neither duplicate nor QC-fail, with bases, qualities and
 * CIGAR; soft clips count as part of a read. */
#define CNNSCORE_READS_PRIMARY 2
/** @} */

/** @name Sources of annotations
 * @{ */
#define CNNSCORE_ANNOTATIONS_CALLER 0 /**< the record */
#define CNNSCORE_ANNOTATIONS_READS 1  /**< the reads, where cnnscore can work them out */
#define CNNSCORE_ANNOTATIONS_FILL 2   /**< the record and, where that has none, the reads */
/** @} */

/** N sites. Every pointer is borrowed; all arrays are dense and in site order. */
typedef struct {
    uint32_t struct_size;         /**< sizeof(cnnscore_window_batch), set by the maker */
    int32_t n_sites;              /**< N */
    int32_t n_annotations;        /**< A */
    int32_t reference_left;       /**< column of POS in `reference` */
    int32_t reference_width;      /**< W: columns of `reference` */
    const int32_t *contig;        /**< [N] index into contig_offset */
    const int64_t *pos;           /**< [N] 0-based position of the first REF base */
    const int64_t *end;           /**< [N] exclusive end of the site: INFO/END or pos + len(REF) */
    const uint8_t *kind;          /**< [N] CNNSCORE_KIND_* */
    const int64_t *site_allele;   /**< [N+1] first allele of each site; REF comes first */
    const int64_t *allele_offset; /**< [site_allele[N]+1] byte offsets into `alleles` */
    const char *alleles;          /**< allele strings as the VCF has them */
    const float *annotations;     /**< [N*A] NaN = missing */
    const uint8_t *reference;     /**< [N*W] ASCII, upper case; 0 = beyond the contig */
    const int64_t *site_read;     /**< [N+1] first read of each site */
    const int64_t *read_offset;   /**< [site_read[N]+1] byte offsets into `reads` */
    /** BAM records (SAM spec 4.2) without block_size, tags optional; of a long read a part will do
     * (docs/reference/protocol.md) */
    const uint8_t *reads;
    int32_t n_contigs;            /**< C */
    const int64_t *contig_length; /**< [C] bases, 0 = not known */
    const int64_t *contig_offset; /**< [C+1] byte offsets into `contig_names` */
    const char *contig_names;     /**< names of the contigs */
    const float *qual;            /**< [N] the records' QUAL, NaN = missing; or NULL */
    const int32_t *site_depth;    /**< [N] reads that counted at a site, before read_limit; or NULL */
    /** [N] how many usually count where the sample has reads, NaN = not known; or NULL */
    const float *sample_depth;
} cnnscore_window_batch;

/* cdef end */

/* ---- the engine: libcnnscore.so, a network behind an embedded interpreter ----
 *
 * Thread safety: any thread may call any function at any time, several on one engine too; only
 * cnnscore_engine_close must come last and alone, after every ticket was collected. Nothing here
 * exits, prints or installs signal handlers; messages go to the log callback alone, which may be
 * called from any thread. A host may link the library or dlopen it, locally too; it is never
 * unloaded. docs/reference/c-abi.md has the whole of it. */
/* cdef begin engine */

/** Version of the functions and structs of the engine. */
#define CNNSCORE_ABI_VERSION 1

/** An open network. */
typedef struct cnnscore_engine cnnscore_engine;

/** Takes the engine's messages.
 *
 * @param data what `log_data` said
 * @param level 10 debug, 20 info, 30 warning, 40 error
 * @param message UTF-8; valid during the call
 */
typedef void (*cnnscore_log_function)(void *data, int level, const char *message);

/** What to open. */
typedef struct {
    uint32_t struct_size; /**< sizeof(cnnscore_engine_options) */
    uint32_t abi_version; /**< CNNSCORE_ABI_VERSION */
    /** a name that `cnnscore model list` shows, the path of an .onnx, or the address of a server:
     * unix:PATH, tcp:HOST:PORT */
    const char *model;
    const char *provider;      /**< "auto", "cpu", "cuda", "tensorrt"; NULL is "auto" */
    int32_t threads;           /**< workers of submitted batches; 0: one per core */
    int32_t batch_size;        /**< sites per network call; 0: the encoding's default */
    cnnscore_log_function log; /**< or NULL */
    void *log_data;            /**< handed to `log` as it is */
    const char *annotations;   /**< their source: "caller", "reads", "fill"; NULL: as the network has it */
    /** "exact"; "bf16": GATK's networks, quicker on a CPU with AMX and less exact; NULL is "exact" */
    const char *precision;
} cnnscore_engine_options;

/** What a network wants and gives. Strings live as long as the engine. */
typedef struct {
    uint32_t struct_size;           /**< sizeof(cnnscore_engine_description), set by the caller */
    const char *model;              /**< its name */
    const char *encoding;           /**< how sites become its inputs: docs/reference/encodings.md */
    const char *info_key;           /**< INFO key of its scores */
    const char *info_description;   /**< of the INFO line */
    const char *provider;           /**< what was taken */
    int32_t window;                 /**< columns of reference that it looks at */
    int32_t read_limit;             /**< most reads per site, 0: none wanted */
    int32_t read_rule;              /**< CNNSCORE_READS_* */
    int32_t reference_left;         /**< columns that a batch's reference must have before POS */
    int32_t reference_width;        /**< and in all */
    int32_t sites_per_job;          /**< a good size of a batch */
    int32_t n_annotations;          /**< A */
    const char *const *annotations; /**< [A] INFO keys of the annotation columns, in order */
    const char *network;            /**< SHA-256 of its file, hex */
    const char *cutoffs;            /**< its own cut-offs (docs/reference/models.md); "" where it has none */
    const char *annotations_from;   /**< their source: "caller", "reads", "fill"; "": it does not say */
    const char *precision;          /**< what it computes in: "exact", "bf16" */
} cnnscore_engine_description;

/** The ABI of this library.
 *
 * @return CNNSCORE_ABI_VERSION as the library was built
 */
uint32_t cnnscore_abi_version(void);

/** Start the interpreter if need be, load a network.
 *
 * @param options what to open
 * @param[out] engine the open network, NULL on failure
 * @param[out] err what went wrong; may be NULL
 * @return CNNSCORE_OK or a negative code: another ABI, no interpreter (the message names
 * CNNSCORE_PYTHON), no such network, a provider that does not work
 */
CNNSCORE_WARN_UNUSED_RESULT
int cnnscore_engine_open(const cnnscore_engine_options *options, cnnscore_engine **engine,
                         cnnscore_error *err);

/** What an open network wants and gives.
 *
 * @param engine an open network
 * @param[in,out] description its struct_size is set; the rest is filled in
 * @param[out] err what went wrong; may be NULL
 * @return CNNSCORE_OK or a negative code
 */
CNNSCORE_WARN_UNUSED_RESULT
int cnnscore_engine_describe(const cnnscore_engine *engine, cnnscore_engine_description *description,
                             cnnscore_error *err);

/** Score a batch on the calling thread.
 *
 * @param engine an open network
 * @param batch N sites
 * @param[out] scores [N] one score per site, NaN where there is none and on failure; NULL will do for no
 * sites
 * @param[out] err what went wrong; may be NULL
 * @return CNNSCORE_OK or a negative code
 */
CNNSCORE_WARN_UNUSED_RESULT
int cnnscore_engine_score(cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores,
                          cnnscore_error *err);

/** Score a batch on the calling thread, allele by allele. Only for networks that score alleles.
 *
 * @param engine an open network
 * @param batch N sites
 * @param[out] scores [site_allele[N] - site_allele[0] - N] one score per ALT allele, as in
 * cnnscore_engine_score; untouched where the batch contradicts itself
 * @param[out] err what went wrong; may be NULL
 * @return CNNSCORE_OK or a negative code; CNNSCORE_ERR_USAGE for a network that scores sites
 */
CNNSCORE_WARN_UNUSED_RESULT
int cnnscore_engine_score_alleles(cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores,
                                  cnnscore_error *err);

/** Score a batch on a worker. Batch and scores stay the caller's and must live until collected.
 *
 * @param engine an open network
 * @param batch N sites
 * @param[out] scores as in cnnscore_engine_score
 * @param[out] ticket what to collect it by
 * @param[out] err what went wrong; may be NULL
 * @return CNNSCORE_OK or a negative code; on failure there is nothing to collect
 */
CNNSCORE_WARN_UNUSED_RESULT
int cnnscore_engine_submit(cnnscore_engine *engine, const cnnscore_window_batch *batch, float *scores,
                           uint64_t *ticket, cnnscore_error *err);

/** Wait for a submitted batch. Each ticket is collected once.
 *
 * @param engine an open network
 * @param ticket of cnnscore_engine_submit
 * @param[out] err what went wrong; may be NULL
 * @return the batch's status: CNNSCORE_OK or a negative code
 */
CNNSCORE_WARN_UNUSED_RESULT
int cnnscore_engine_collect(cnnscore_engine *engine, uint64_t ticket, cnnscore_error *err);

/** Let go of a network. Comes last and alone, after every ticket was collected.
 *
 * @param engine an open network, or NULL
 */
void cnnscore_engine_close(cnnscore_engine *engine);

/* cdef end */

#ifdef __cplusplus
}
#endif
#endif
