"""Set FILTER of scored records, as VQSR's second step or GATK's FilterVariantTranches does.

Where the cut-offs come from:
  --resource    known variants: the cut-off keeps a given percentage (the tranche) of the calls
                that are among them. Rule, names and header lines are FilterVariantTranches',
                and with --types gatk so are the records that are judged.
                Reads the calls twice; standard input is copied to $TMPDIR first.
  (nothing)     the network's own cut-offs, which the header of the scored file names; of a
                cohort those for CNN_SITE
  --threshold   your own
  --expect-false  the network's log-odds, and the share of false calls that you expect

PASS: the score reaches the first cut-off of the record's type, or the record is not judged. By
default that keeps 99 % of true calls, and some that are likelier false than true; `--threshold 0`
keeps those that are likelier true, where artefacts are as frequent as in training.

Examples:
  cnnscore filter scored.vcf.gz --resource hapmap.vcf.gz --resource mills.vcf.gz -o out.vcf.gz -W
  cnnscore filter scored.vcf.gz --threshold SNP=0 --threshold INDEL=-0.5 -o out.vcf.gz
  cnnscore filter scored.vcf.gz --expect-false SNP=5% --expect-false INDEL=20% -o out.vcf.gz
  cnnscore score calls.vcf.gz -R ref.fa -O u | cnnscore filter - --resource known.vcf.gz -o out.bcf
  cnnscore filter cohort.scored.vcf.gz --per-sample --no-calls --threshold 0 -o out.vcf.gz
"""

from __future__ import annotations

import argparse
import os
import re
import sys

from cnnscore.checked import CHOICES
from cnnscore.cli.arguments import (
    OUTPUT_ALONE,
    add_list,
    add_option,
    add_output_arguments,
    add_running_arguments,
    output_options,
)
from cnnscore.cli.naming import with_options
from cnnscore.description import VARIANT_TYPES
from cnnscore.errors import UsageError

SENSITIVITY_KEY = "CALIBRATION_SENSITIVITY"
_NUMBER = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*(e[+-]?[0-9]+)?|\.[0-9]+(e[+-]?[0-9]+)?|inf)", re.IGNORECASE
)

OPTIONS_ALONE = {
    **OUTPUT_ALONE,
    "--sensitivity-field": f"--sensitivity-field={SENSITIVITY_KEY}",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_option(parser, "calls", metavar="SCORED")
    files = parser.add_argument_group("files")
    add_output_arguments(files)
    add_option(
        files,
        "tranche-table",
        help="write what each tranche keeps: known, novel, ti/tv, het/hom",
    )
    score = parser.add_argument_group("score")
    add_option(score, "info-key", help="INFO key of the score, or QUAL [the one CNN_* key]")
    cutoffs = parser.add_argument_group("cut-offs")
    add_list(
        cutoffs,
        "--resource",
        metavar="VCF",
        help="known variants, sorted, indexed or not; may be given several times",
    )
    cutoffs.add_argument(
        "--ref-mismatch",
        choices=["skip", "gatk"],
        default="skip",
        help="a resource's record with another REF than the call: skip it (more than 10 %% of the "
        "shared positions are an error), or end at the first, as GATK does [skip]",
    )
    for variant_type, default in (("snp", "99.95"), ("indel", "99.4")):
        cutoffs.add_argument(
            f"--{variant_type}-tranche",
            metavar="PERCENT",
            action="append",
            type=float,
            help=f"keep this percentage of the known {variant_type.upper()}s (of the true ones, "
            "by the network's own cut-offs); several give grades "
            f"[{default}; all levels of the network]",
        )
    add_list(
        cutoffs,
        "--threshold",
        metavar="[TYPE=]SCORE",
        help="records that score lower fail; TYPE is SNP or INDEL [both]; several give grades",
    )
    add_list(
        cutoffs,
        "--expect-false",
        metavar="[TYPE=]PERCENT",
        help="records that are likelier false than true fail, where this percentage of the calls "
        "of the type is false; needs a network whose scores are calibrated log-odds",
    )
    add_option(cutoffs, "model", help="network that made the scores [the one the header names]")
    records = parser.add_argument_group("records")
    records.add_argument(
        "--types",
        choices=CHOICES["types"],
        default="vqsr",
        help="vqsr: MNPs are judged as SNPs, mixed and symbolic records as indels; gatk: SNPs and "
        "indels are judged, all else passes, as in FilterVariantTranches [vqsr]",
    )
    records.add_argument(
        "--unscored",
        choices=["leave", "fail"],
        default="leave",
        help="records without a score: leave them alone, or fail those of a type with a cut-off "
        "[leave]",
    )
    records.add_argument(
        "--invalidate-previous-filters",
        action="store_true",
        help="drop the filters that records already have",
    )
    records.add_argument(
        "--soft",
        action="store_true",
        help="leave FILTER alone and write the verdict into INFO/KEY_TRANCHE",
    )
    records.add_argument(
        "--sensitivity-field",
        metavar="KEY",
        help="write into INFO which part of the resource calls scores at least as high: "
        f"--sensitivity-field=KEY, without KEY {SENSITIVITY_KEY}",
    )
    genotypes = parser.add_argument_group("genotypes of a cohort (score --sample-map)")
    genotypes.add_argument(
        "--per-sample",
        action="store_true",
        help="judge each carrier by FORMAT/CNN_* too, and write FORMAT/FT: by the --threshold or "
        "--expect-false that is given, else by the network's own cut-offs for single samples",
    )
    genotypes.add_argument(
        "--no-calls",
        action="store_true",
        help="set genotypes whose FT names a filter to ./., and count AC, AN and AF anew",
    )
    running = parser.add_argument_group("running")
    add_option(running, "threads", help="threads [cores, up to 4]")
    add_running_arguments(running)


def run(options: argparse.Namespace) -> None:
    """Filter a call file."""
    thresholds = _thresholds(options.threshold)
    expected = _expected(options.expect_false)
    _check_usage(options)
    from cnnscore.calls.records import htslib_verbosity
    from cnnscore.filter.expectation import ExpectedFalse
    from cnnscore.filter.run import FilterOptions, filter_calls
    from cnnscore.filter.sources import CutoffSource, NetworkCutoffs, Thresholds
    from cnnscore.filter.tranches import GATK_TRANCHES, check_tranches
    from cnnscore.progress import NoProgress, Progress

    htslib_verbosity(3 if options.log_level == "debug" else 0)
    asked = {"SNP": options.snp_tranche, "INDEL": options.indel_tranche}
    levels = {
        variant_type: check_tranches(given, f"--{variant_type.lower()}-tranche")
        for variant_type, given in asked.items()
        if given
    }
    source: CutoffSource | None = None
    if expected:
        source = ExpectedFalse(expected, options.model)
    elif options.threshold:
        source = Thresholds(thresholds, "--threshold")
    elif not options.resource:
        source = NetworkCutoffs(levels, options.model)
    summary = filter_calls(
        options.calls,
        output=options.output,
        written=output_options(options, "filter"),
        info_key=options.info_key,
        resources=options.resource,
        tranches={**GATK_TRANCHES, **levels},
        source=source,
        options=FilterOptions(
            clear=options.invalidate_previous_filters,
            soft=options.soft,
            fail_unscored=options.unscored == "fail",
            sensitivity_key=options.sensitivity_field,
            types=options.types,
            ref_mismatch=options.ref_mismatch,
            table=options.tranche_table,
            per_sample=options.per_sample,
            no_calls=options.no_calls,
            threads=options.threads or min(4, len(os.sched_getaffinity(0))),
        ),
        progress=NoProgress() if options.quiet else Progress(),
    )
    if not options.quiet:
        for line in with_options(summary.text()).splitlines():
            print(f"cnnscore: {line}", file=sys.stderr)


def _check_usage(options: argparse.Namespace) -> None:
    if options.threshold and (options.snp_tranche or options.indel_tranche):
        raise UsageError("a --threshold is in place of tranches: give one or the other")
    if options.expect_false and (options.threshold or options.snp_tranche or options.indel_tranche):
        raise UsageError(
            "--expect-false is in place of tranches and of a --threshold: give one of them"
        )
    if options.model and (options.threshold or (options.resource and not options.expect_false)):
        raise UsageError("--model gives its own cut-offs: leave out --threshold and --resource")
    if options.no_calls and not options.per_sample:
        raise UsageError("--no-calls is about genotypes that fail: give --per-sample")
    if options.soft and options.invalidate_previous_filters:
        raise UsageError("--soft leaves FILTER alone, --invalidate-previous-filters does not")
    if options.ref_mismatch == "gatk" and not options.resource:
        raise UsageError("--ref-mismatch is about the records of a resource: give --resource")
    if options.sensitivity_field and not options.resource:
        raise UsageError(
            "--sensitivity-field is the sensitivity to resource calls: give --resource"
        )


def _thresholds(given: list[str]) -> dict[str, list[str]]:
    """Numbers as written, by type; of an option `SNP=1,2` both are the SNPs'."""
    thresholds: dict[str, list[str]] = {variant_type: [] for variant_type in VARIANT_TYPES}
    for text in given:
        types: tuple[str, ...] = VARIANT_TYPES
        for item in text.split(","):
            variant_type, equals, number = item.rpartition("=")
            if equals:
                types = (variant_type.upper(),)
            if not set(types) <= set(VARIANT_TYPES) or not _NUMBER.fullmatch(number):
                raise UsageError(
                    f"--threshold {item!r}: give a number, or SNP=NUMBER or INDEL=NUMBER, as in "
                    "--threshold SNP=0 --threshold INDEL=-0.5"
                )
            for one in types:
                thresholds[one].append(number)
    return thresholds


def _expected(given: list[str]) -> dict[str, float]:
    """Expected shares of false calls, by type."""
    shares: dict[str, float] = {}
    for text in given:
        name, equals, number = text.rpartition("=")
        types = (name.upper(),) if equals else VARIANT_TYPES
        plain = number.removesuffix("%").strip()
        percent = float(plain) if _NUMBER.fullmatch(plain) else 0.0
        if not set(types) <= set(VARIANT_TYPES) or not 0 < percent < 100:
            raise UsageError(
                f"--expect-false {text!r}: give a percentage above 0 and below 100, or "
                "SNP=PERCENT or INDEL=PERCENT, as in --expect-false SNP=5% --expect-false INDEL=20%"
            )
        for one in types:
            if one in shares:
                raise UsageError(f"--expect-false {text!r}: a percentage of {one}s is given twice")
            shares[one] = percent / 100
        if "%" not in number:
            from cnnscore.filter.expectation import say_fraction

            say_fraction(percent)
    return shares
