/* header_lines.c: lines that are taken out of a header of calls, or put in. */
#include <string.h>

#include "calls.h"

/* Hidden from bcf_hdr_remove: no type that htslib knows. */
static const int hidden = -1;

static void show(bcf_hdr_t *header, int type) {
    for (int i = 0; i < header->nhrec; i++)
        if (header->hrec[i]->type == hidden) header->hrec[i]->type = type;
}

/* Of kinds that htslib does not know it removes all lines with the ID at once: the others hide meanwhile. */
void cnnscore_calls_remove_header(cnnscore_calls *calls, const char *kind, const char *id) {
    bcf_hdr_t *header = calls->header;
    if (strcmp(kind, "INFO") == 0) bcf_hdr_remove(header, BCF_HL_INFO, id);
    if (strcmp(kind, "FORMAT") == 0) bcf_hdr_remove(header, BCF_HL_FMT, id);
    if (strcmp(kind, "FILTER") == 0) bcf_hdr_remove(header, BCF_HL_FLT, id);
    for (int i = 0; i < header->nhrec; i++)
        if (header->hrec[i]->type == BCF_HL_STR && strcmp(header->hrec[i]->key, kind) != 0)
            header->hrec[i]->type = hidden;
    bcf_hdr_remove(header, BCF_HL_STR, id);
    show(header, BCF_HL_STR);
}

int cnnscore_calls_drop_header(cnnscore_calls *calls, const char *line, cnnscore_error *err) {
    bcf_hdr_t *header = calls->header;
    bcf_hrec_t *found = NULL;
    kstring_t text = KS_INITIALIZE;
    size_t length = strlen(line);
    for (int i = 0; !found && i < header->nhrec; i++) {
        text.l = 0;
        if (bcf_hrec_format(header->hrec[i], &text) < 0) {
            ks_free(&text);
            return cnnscore_fail_memory(err);
        }
        if (text.l == length + 1 && strncmp(text.s, line, length) == 0) found = header->hrec[i];
    }
    ks_free(&text);
    int id = found ? bcf_hrec_find_key(found, "ID") : -1, type = found ? found->type : hidden;
    if (type != BCF_HL_GEN && (type != BCF_HL_STR || id < 0)) return CNNSCORE_OK;
    for (int i = 0; i < header->nhrec; i++)
        if (header->hrec[i]->type == type && header->hrec[i] != found) header->hrec[i]->type = hidden;
    bcf_hdr_remove(header, type, type == BCF_HL_GEN ? found->key : found->vals[id]);
    show(header, type);
    return bcf_hdr_sync(header) < 0 ? cnnscore_fail_memory(err) : CNNSCORE_OK;
}

int cnnscore_calls_add_header(cnnscore_calls *calls, const char *line, cnnscore_error *err) {
    int length = 0;
    bcf_hrec_t *parsed = bcf_hdr_parse_line(calls->header, line, &length);
    if (!parsed) return cnnscore_fail(err, CNNSCORE_ERR_INTERNAL, "not a VCF header line: %s", line);
    int id = bcf_hrec_find_key(parsed, "ID");
    /* Of two lines of one kind and ID htslib keeps the older. */
    if (id >= 0) cnnscore_calls_remove_header(calls, parsed->key, parsed->vals[id]);
    bcf_hrec_destroy(parsed);
    if (bcf_hdr_append(calls->header, line) < 0 || bcf_hdr_sync(calls->header) < 0)
        return cnnscore_fail(err, CNNSCORE_ERR_INPUT,
                             "%s: its header cannot take the line %s: check it with `bcftools view -h`",
                             calls->path, line);
    return CNNSCORE_OK;
}
