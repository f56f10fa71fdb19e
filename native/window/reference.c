/* reference.c: bases around a site. */
#include "reference.h"

#include <htslib/hfile.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fasta_check.h"
#include "index_find.h"
#include "shell_word.h"

/* Bases fetched beyond those that are asked for: enough for close neighbours, and no more, as faidx
 * takes bases one by one. Fetching again within the same block costs next to nothing. */
#define STRETCH 256

faidx_t *cnnscore_reference_index(const char *path, bool is_checked, cnnscore_error *err) {
    char *data = cnnscore_data_name(path), *name = cnnscore_index_find(path, CNNSCORE_INDEXED_FASTA);
    faidx_t *index = NULL;
    if (!data)
        cnnscore_fail_memory(err);
    else if (!hisremote(data) && access(data, R_OK) != 0)
        cnnscore_fail(err, CNNSCORE_ERR_INPUT, "cannot read the reference %s: no such file or no permission",
                      path);
    else if (!name)
        cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                      "the reference %s has no index: make one with `samtools faidx %s`", path,
                      cnnscore_shell_word(data).text);
    else if (!is_checked && cnnscore_fasta_check(data, name, err) != CNNSCORE_OK)
        index = NULL;
    else if (!(index = fai_load3(data, name, NULL, 0)))
        cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                      "cannot load the reference %s and its index (.fai, and .gzi when it is bgzipped): "
                      "make them with `samtools faidx %s`; plain gzip must become bgzip first",
                      path, cnnscore_shell_word(data).text);
    free(data);
    free(name);
    return index;
}

int cnnscore_reference_open(cnnscore_reference *reference, const char *path, bool is_checked,
                            cnnscore_error *err) {
    reference->path = strdup(path);
    if (!reference->path) return cnnscore_fail_memory(err);
    reference->index = cnnscore_reference_index(path, is_checked, err);
    return reference->index ? CNNSCORE_OK : err->code;
}

void cnnscore_reference_close(cnnscore_reference *reference) {
    if (reference->index) fai_destroy(reference->index);
    free(reference->path);
    free(reference->contig);
    free(reference->bases);
    memset(reference, 0, sizeof *reference);
}

int64_t cnnscore_reference_length(const cnnscore_reference *reference, const char *contig) {
    return faidx_has_seq(reference->index, contig) ? (int64_t)faidx_seq_len(reference->index, contig) : -1;
}

static int fetch(cnnscore_reference *reference, const char *contig, int64_t begin, int64_t end,
                 cnnscore_error *err) {
    hts_pos_t length = 0;
    free(reference->contig);
    free(reference->bases);
    reference->contig = strdup(contig);
    reference->bases = faidx_fetch_seq64(reference->index, contig, begin, end - 1, &length);
    if (!reference->bases || length != end - begin) {
        free(reference->bases);
        reference->bases = NULL;
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "cannot read %s:%lld-%lld of the reference %s: file or index is damaged; "
                             "make the index anew with `samtools faidx %s`",
                             contig, (long long)begin + 1, (long long)end, reference->path,
                             cnnscore_shell_word(reference->path).text);
    }
    if (!reference->contig) return cnnscore_fail_memory(err);
    for (hts_pos_t i = 0; i < length; i++) { /* upper case; a loop that the compiler makes vectors of */
        char base = reference->bases[i];
        reference->bases[i] = (char)(base >= 'a' && base <= 'z' ? base - 32 : base);
    }
    reference->begin = begin;
    reference->end = end;
    return CNNSCORE_OK;
}

int cnnscore_reference_copy(cnnscore_reference *reference, const char *contig, int64_t length, int64_t begin,
                            int64_t end, uint8_t *bases, cnnscore_error *err) {
    int64_t from = begin < 0 ? 0 : begin, to = end > length ? length : end;
    if (to <= from) {
        memset(bases, 0, (size_t)(end - begin));
        return CNNSCORE_OK;
    }
    if (!reference->bases || strcmp(reference->contig, contig) != 0 || from < reference->begin ||
        to > reference->end) {
        int64_t stretch_end = to + STRETCH;
        int code = fetch(reference, contig, from, stretch_end > length ? length : stretch_end, err);
        if (code != CNNSCORE_OK) return code;
    }
    memset(bases, 0, (size_t)(from - begin));
    memcpy(bases + (from - begin), reference->bases + (from - reference->begin), (size_t)(to - from));
    memset(bases + (to - begin), 0, (size_t)(end - to));
    return CNNSCORE_OK;
}

static bool is_acgt(int base) {
    return base == 'A' || base == 'C' || base == 'G' || base == 'T';
}

int cnnscore_reference_check(cnnscore_reference *reference, const char *contig, int64_t contig_length,
                             const cnnscore_window_batch *sites, int32_t site, cnnscore_error *err) {
    int64_t allele = sites->site_allele[site], pos = sites->pos[site];
    const char *ref = sites->alleles + sites->allele_offset[allele];
    int64_t length = sites->allele_offset[allele + 1] - sites->allele_offset[allele];
    uint8_t bases[1024];
    if (pos == -1 || pos == contig_length) return CNNSCORE_OK; /* VCF's telomeres, which have no bases */
    if (pos < 0 || pos + length > contig_length)
        return cnnscore_fail(
            err, CNNSCORE_ERR_INPUT,
            "record %s:%lld lies past the end of contig %s (%lld bases in %s): give the reference that the "
            "variants were called against",
            contig, (long long)pos + 1, contig, (long long)contig_length, reference->path);
    for (int64_t done = 0; done < length; done += (int64_t)sizeof bases) {
        int64_t part = length - done < (int64_t)sizeof bases ? length - done : (int64_t)sizeof bases;
        int code = cnnscore_reference_copy(reference, contig, contig_length, pos + done, pos + done + part,
                                           bases, err);
        if (code != CNNSCORE_OK) return code;
        for (int64_t i = 0; i < part; i++) {
            int base = ref[done + i] & ~0x20; /* upper case */
            if (base == bases[i] || !is_acgt(base) || !is_acgt(bases[i])) continue;
            return cnnscore_fail(
                err, CNNSCORE_ERR_INPUT,
                "record %s:%lld has REF %.*s, but the reference %s has %c at %s:%lld: give the reference "
                "that the variants were called against (`bcftools norm -c w` lists all such records)",
                contig, (long long)pos + 1, (int)(length < 40 ? length : 40), ref, reference->path, bases[i],
                contig, (long long)(pos + done + i) + 1);
        }
    }
    return CNNSCORE_OK;
}
