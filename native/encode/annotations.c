/* annotations.c: MQ, DP, FS, SOR, rank sums, QD and allele depths of a site.
 *
 * After the documentation and the behaviour of GATK 4.6 (RMSMappingQuality, Coverage, FisherStrand,
 * StrandOddsRatio, the RankSumTests, QualByDepth); docs/reference/encodings.md states each formula. */
#include "annotations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAPQ_MIN 20             /* HaplotypeCaller's --minimum-mapping-quality */
#define MAPQ_UNKNOWN 255        /* SAM: not available */
#define LOW_MATCH_LOSS 0.125    /* -log10 of 1 - 10^-0.6 */
#define LOW_MISMATCH_LOSS 1.077 /* -log10 of 10^-0.6 / 3 */
#define LOSS_PER_ERROR 4        /* a read may have one error in 50 bases, two at most, of 10^-4 each */
#define ERROR_LENGTH 50
#define TABLE_MIN 2      /* a strand table of no more reads than this counts as empty in FS */
#define TABLE_TARGET 200 /* larger tables than twice this are scaled down to it */
#define P_MIN 1e-320     /* keeps FS finite */
#define EXACT_MAX 9      /* both series no longer: rank sums are exact */
#define QD_MAX 35
#define QD_TYPICAL 30 /* takes the place of larger values; GATK adds noise to it */
#define RELATIVE_DEPTH_MAX 4

/* ---- which reads count ---- */

/* Whether HaplotypeCaller would leave out a read as one that no haplotype explains: when its likelihood
 * falls below 10^-8 (10^-4 where it is short). Bases below quality 18 count there as quality 6. Good
 * mismatches are left to the haplotypes, which are not known here. */
static bool badly_modelled(const cnnscore_qualities *qualities, const cnnscore_evidence *e) {
    double loss = LOW_MATCH_LOSS * (double)qualities->n_low +
                  (LOW_MISMATCH_LOSS - LOW_MATCH_LOSS) * (double)(e->mismatches - e->mismatches_q20);
    return loss > LOSS_PER_ERROR * (qualities->end - qualities->begin > ERROR_LENGTH ? 2 : 1);
}

cnnscore_annotated_read cnnscore_annotated(const cnnscore_bam_record *record, const cnnscore_evidence *e) {
    /* Tails of low quality are cut off, and with them what stands there. */
    cnnscore_qualities between =
        record->is_part ? record->qualities : cnnscore_qualities_of(record->qual, record->n_held);
    uint16_t lone = CNNSCORE_FLAG_PAIRED | CNNSCORE_FLAG_MATE_UNMAPPED;
    bool mate_afar = (record->flag & lone) == CNNSCORE_FLAG_PAIRED && record->mate_contig != record->contig;
    int64_t from_end = record->l_seq - 1 - e->index;
    return (cnnscore_annotated_read){
        .counts = record->mapq >= MAPQ_MIN && record->mapq != MAPQ_UNKNOWN && !mate_afar &&
                  e->index >= between.begin && e->index < between.end && !badly_modelled(&between, e),
        .supports_ref = e->leaning == CNNSCORE_SUPPORTS_REF,
        .supports_alt = e->leaning == CNNSCORE_SUPPORTS_ALT,
        .reverse = (record->flag & CNNSCORE_FLAG_REVERSE) != 0,
        .mapq = record->mapq,
        .quality = (uint8_t)e->quality,
        .end_distance = (int32_t)(e->index < from_end ? e->index : from_end),
    };
}

/* ---- strand bias ---- */

typedef struct {
    int64_t ref[2], alt[2]; /* forward, reverse */
} strand_table;

static double log_binomial(int64_t n, int64_t k) {
    double sum = 0;
    for (int64_t i = 1; i <= k; i++) sum += log((double)(n - k + i) / (double)i);
    return sum;
}

/* Two-sided Fisher's exact test: the tables of the same margins that are no likelier than this one. */
static double fisher(const strand_table *table) {
    int64_t forward = table->ref[0] + table->alt[0], reverse = table->ref[1] + table->alt[1];
    int64_t ref = table->ref[0] + table->ref[1], total = forward + reverse;
    int64_t low = ref > reverse ? ref - reverse : 0, high = ref < forward ? ref : forward;
    /* From the least table on by ratios of neighbours; in logarithms, as all may be tiny. */
    double at = log_binomial(forward, low) + log_binomial(reverse, ref - low) - log_binomial(total, ref);
    double observed = at;
    for (int64_t x = low; x < table->ref[0]; x++)
        observed += log((double)(forward - x) / (double)(x + 1) * (double)(ref - x) /
                        (double)(reverse - ref + x + 1));
    double sum = 0;
    for (int64_t x = low; x <= high; x++) {
        if (at <= observed + 1e-7) sum += exp(at);
        if (x < high)
            at += log((double)(forward - x) / (double)(x + 1) * (double)(ref - x) /
                      (double)(reverse - ref + x + 1));
    }
    return sum < 1 ? sum : 1;
}

static double fisher_strand(strand_table table) {
    int64_t total = table.ref[0] + table.ref[1] + table.alt[0] + table.alt[1];
    if (total <= TABLE_MIN) return 0;
    if (total > 2 * TABLE_TARGET) {
        double factor = (double)total / TABLE_TARGET;
        for (int strand = 0; strand < 2; strand++) {
            table.ref[strand] = (int64_t)((double)table.ref[strand] / factor);
            table.alt[strand] = (int64_t)((double)table.alt[strand] / factor);
        }
    }
    double p = fisher(&table);
    double phred = -10 * log10(p > P_MIN ? p : P_MIN);
    return phred > 0 ? phred : 0; /* no -0 */
}

static double strand_odds_ratio(const strand_table *table) {
    double ref0 = (double)table->ref[0] + 1, ref1 = (double)table->ref[1] + 1;
    double alt0 = (double)table->alt[0] + 1, alt1 = (double)table->alt[1] + 1;
    double ratio = ref0 / ref1 * (alt1 / alt0);
    return log(ratio + 1 / ratio) + log(fmin(ref0, ref1) / fmax(ref0, ref1)) -
           log(fmin(alt0, alt1) / fmax(alt0, alt1));
}

/* ---- rank sums ---- */

/* Quantile of the standard normal distribution, 0 < p < 1: P. J. Acklam's rational approximation
 * (relative error 1.2e-9), mirrored. */
static double normal_quantile(double p) {
    static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                               1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
    static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                               6.680131188771972e+01, -1.328068155288572e+01};
    static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                               -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
    static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                               3.754408661907416e+00};
    if (p > 0.5) return -normal_quantile(1 - p);
    if (p < 0.02425) {
        double q = sqrt(-2 * log(p));
        return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
               ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    }
    double q = p - 0.5, r = q * q;
    return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
           (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

typedef struct {
    int32_t value;
    bool is_alt;
} ranked;

static int compare_ranked(const void *left, const void *right) {
    const ranked *a = left, *b = right;
    return (a->value > b->value) - (a->value < b->value);
}

/* Part of all ways to deal the (doubled) ranks to the two series in which the first has a smaller sum,
 * and half of those in which it has the same. */
static double exact_p(const int32_t *doubled, int n, int n_alt, int64_t observed) {
    enum { SUMS = 2 * EXACT_MAX * (2 * EXACT_MAX + 1) + 1 };
    double ways[EXACT_MAX + 1][SUMS] = {{0}};
    int dealt = 0;
    ways[0][0] = 1;
    for (int i = 0; i < n; i++) {
        dealt += doubled[i];
        for (int k = i < n_alt ? i + 1 : n_alt; k > 0; k--)
            for (int sum = dealt; sum >= doubled[i]; sum--) ways[k][sum] += ways[k - 1][sum - doubled[i]];
    }
    double below = 0, all = 0;
    for (int sum = 0; sum <= dealt; sum++) {
        all += ways[n_alt][sum];
        if (sum < observed) below += ways[n_alt][sum];
        if (sum == observed) below += ways[n_alt][sum] / 2;
    }
    return below / all;
}

/* z of a Mann-Whitney test of ALT against REF values, NaN where one of them is missing. */
static double rank_sum(ranked *values, int n) {
    int n_alt = 0;
    for (int i = 0; i < n; i++) n_alt += values[i].is_alt;
    int n_ref = n - n_alt;
    if (n_alt == 0 || n_ref == 0) return NAN;
    qsort(values, (size_t)n, sizeof *values, compare_ranked);
    double ties = 0, alt_sum = 0;
    int32_t doubled[2 * EXACT_MAX];
    bool exact = n_alt <= EXACT_MAX && n_ref <= EXACT_MAX;
    for (int i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && values[end].value == values[i].value;) end++;
        double count = end - i;
        if (end - i > 1 && end - i != n) ties += count * count * count - count;
        for (int j = i; j < end; j++) {
            alt_sum += values[j].is_alt ? (i + 1 + end) / 2.0 : 0;
            if (exact) doubled[j] = i + 1 + end;
        }
    }
    if (exact) return normal_quantile(exact_p(doubled, n, n_alt, (int64_t)(2 * alt_sum)));
    double u = alt_sum - n_alt * (n_alt + 1) / 2.0, mean = (double)n_alt * n_ref / 2;
    double correction = ties == 0 ? 0 : -0.5;
    double sigma = sqrt((double)n_alt * n_ref / 12 * ((n + 1) - ties / ((double)n * (n - 1))));
    return (u - mean - correction) / sigma;
}

enum { BY_MAPQ, BY_END_DISTANCE, BY_QUALITY };

static double rank_sum_of(const cnnscore_annotated_read *reads, int64_t n, int what) {
    ranked values[4096];
    int used = 0;
    for (int64_t i = 0; i < n && used < 4096; i++) {
        if (!reads[i].supports_ref && !reads[i].supports_alt) continue;
        values[used++] = (ranked){
            .value = what == BY_MAPQ           ? reads[i].mapq
                     : what == BY_END_DISTANCE ? reads[i].end_distance
                                               : reads[i].quality,
            .is_alt = reads[i].supports_alt,
        };
    }
    return rank_sum(values, used);
}

/* ---- all ---- */

/* As GATK prints it: 10^-14 of rounding must not tell one site from another. */
static float printed(double value, double decimals) {
    return (float)(nearbyint(value * decimals) / decimals);
}

void cnnscore_annotate(cnnscore_annotated_read *reads, int64_t n, const cnnscore_annotated_site *site,
                       float *values) {
    for (int i = 0; i < CNNSCORE_N_ANNOTATIONS; i++) values[i] = NAN;
    double depth = (double)(site->depth > n ? site->depth : n), scale = n > 0 ? depth / (double)n : 1;
    if (site->sample_depth > 0)
        values[CNNSCORE_ANNOTATION_RELATIVE_DEPTH] =
            (float)fmin(depth / site->sample_depth, RELATIVE_DEPTH_MAX);
    int64_t kept = 0, ref = 0, alt = 0;
    double squares = 0;
    strand_table table = {{0}, {0}};
    for (int64_t i = 0; i < n; i++) {
        if (!reads[i].counts) continue;
        cnnscore_annotated_read read = reads[kept++] = reads[i];
        squares += (double)read.mapq * read.mapq;
        ref += read.supports_ref;
        alt += read.supports_alt;
        table.ref[read.reverse] += read.supports_ref;
        table.alt[read.reverse] += read.supports_alt;
    }
    if (kept == 0) return;
    values[CNNSCORE_ANNOTATION_MQ] = printed(sqrt(squares / (double)kept), 100);
    values[CNNSCORE_ANNOTATION_DP] = (float)nearbyint((double)kept * scale);
    values[CNNSCORE_ANNOTATION_FS] = printed(fisher_strand(table), 1000);
    values[CNNSCORE_ANNOTATION_SOR] = printed(strand_odds_ratio(&table), 1000);
    values[CNNSCORE_ANNOTATION_MQ_RANK_SUM] = printed(rank_sum_of(reads, kept, BY_MAPQ), 1000);
    values[CNNSCORE_ANNOTATION_READ_POS_RANK_SUM] = printed(rank_sum_of(reads, kept, BY_END_DISTANCE), 1000);
    values[CNNSCORE_ANNOTATION_BASE_Q_RANK_SUM] = printed(rank_sum_of(reads, kept, BY_QUALITY), 1000);
    values[CNNSCORE_ANNOTATION_RO] = (float)nearbyint((double)ref * scale);
    values[CNNSCORE_ANNOTATION_AO] = (float)nearbyint((double)alt * scale);
    if (ref + alt > 0) values[CNNSCORE_ANNOTATION_AB] = (float)alt / (float)(ref + alt);
    double sided = (double)(ref + alt > 0 ? ref + alt : kept) * scale, qd = site->qual / sided;
    values[CNNSCORE_ANNOTATION_QD] = printed(qd < QD_MAX || isnan(qd) ? qd : QD_TYPICAL, 100);
}
