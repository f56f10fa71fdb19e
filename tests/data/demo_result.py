"""demo_result.py SCORED TRUTH: print how scores tell real variants from artefacts."""

import sys

import pysam


def main() -> None:
    """Compare position and alleles with the truth set of the simulated sample."""
    scored, truth = sys.argv[1:3]
    known = {
        (record.chrom, record.pos, alt)
        for record in pysam.VariantFile(truth)
        for alt in record.alts or ()
    }
    scores: dict[bool, list[float]] = {True: [], False: []}
    for record in pysam.VariantFile(scored):
        real = any((record.chrom, record.pos, alt) in known for alt in record.alts or ())
        scores[real].append(record.info["CNN_READS"])
    print(f"{'':<10} {'records':>8} {'above 0':>8} {'median':>8}")
    for real, name in ((True, "real"), (False, "artefact")):
        values = sorted(scores[real])
        above = sum(value > 0 for value in values)
        print(f"{name:<10} {len(values):>8} {above:>8} {values[len(values) // 2]:>8.2f}")
    wins = sum((r > a) + 0.5 * (r == a) for r in scores[True] for a in scores[False])
    print(f"ROC AUC {wins / (len(scores[True]) * len(scores[False])):.3f}")


main()
