"""Compare the scores of call files with a truth set.

A call within the confident regions is true when its normalised allele is in the truth set. For
every score, and for SNPs and indels separately: ROC AUC, average precision, recall at precisions,
best F1, with confidence intervals; paired differences between scores; strata. Writes into
DIR: evaluation.json, the same as .tsv tables, compared.vcf.gz (TP, FP, FN), report.html,
mistakes.bed and igv_session.xml (the worst mistakes, in IGV), and cnnscore_mqc.json for MultiQC.

Needs `pip install 'cnnscore[evaluate]'`.

Examples:
  cnnscore evaluate scored.vcf.gz --truth t.vcf.gz --confident c.bed -R ref.fa -o evaluation
  cnnscore evaluate part.vcf.gz --truth t.vcf.gz --confident c.bed -r chr20:1-100000 -o part
  cnnscore evaluate cohort.vcf.gz --truth-map truths.tsv --pedigree family.ped -R ref.fa -o cohort
  cnnscore evaluate a.vcf.gz b.vcf.gz --truth t.vcf.gz --confident c.bed --score CNN_1D \\
      --score QUAL --stratify exons.bed -o evaluation
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnscore.checked import CHOICES
from cnnscore.cli.arguments import add_interval_arguments, add_list, add_option, intervals_of
from cnnscore.errors import UsageError
from cnnscore.extras import need

if TYPE_CHECKING:
    from cnnscore.calls.records import Intervals
    from cnnscore.evaluate.trios import TrioCounts

log = logging.getLogger("cnnscore")

COHORT = ("samples.tsv", "trios.tsv", "de_novo.tsv")
"""Tables of --truth-map and --pedigree."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_option(parser, "calls", nargs="+", help="VCF or BCF files")
    add_option(parser, "truth", help="the truth set")
    add_option(parser, "confident")
    add_option(parser, "reference", help="FASTA with .fai, to left-align indels")
    add_option(parser, "output", metavar="DIR", required=True, help="folder of the results")
    add_option(
        parser,
        "overwrite",
        help="replace the results in DIR; other files there stay [DIR must be new or empty]",
    )
    parser.add_argument("--force", dest="overwrite", action="store_true", help="the same")
    what = parser.add_argument_group("what is compared")
    add_list(
        what,
        "--score",
        metavar="KEY",
        help="QUAL, or an INFO or FORMAT key (FORMAT/GQ); --score=-FS when low means true; may be "
        "given several times [all CNN_*, QUAL, QD, VQSLOD]",
    )
    what.add_argument(
        "--unit",
        choices=CHOICES["unit"],
        default="allele",
        help="one row per ALT allele, or per record: true when any of its alleles is [allele]",
    )
    what.add_argument(
        "--match-genotype",
        action="store_true",
        help="a true allele must also be het or hom as in the truth set",
    )
    add_option(
        what,
        "all-alleles",
        help="count all ALT alleles, also those that the sample does not carry [its genotype's]",
    )
    add_list(
        what,
        "--stratify",
        metavar="BED",
        help="a stratum: calls within these regions; may be given several times",
    )
    add_option(what, "sample", help="the sample column of the calls")
    what.add_argument(
        "--truth-sample", metavar="NAME", help="count those truth alleles that this sample carries"
    )
    what.add_argument(
        "--passing-truth",
        action="store_true",
        help="count those truth records whose FILTER is PASS or . [all]",
    )
    what.add_argument(
        "--same-sample",
        action="store_true",
        help="treat call files that name different samples as files of one sample",
    )
    what.add_argument(
        "--comparator",
        choices=["vcfeval", "hap.py"],
        help="let this program, which must be installed, decide what is true",
    )
    cohort = parser.add_argument_group("cohorts")
    cohort.add_argument(
        "--truth-map",
        metavar="TSV",
        help="each sample against its own truth set, in place of --truth and --confident: a table "
        "with tabs of sample, truth set and, if there are any, confident regions",
    )
    cohort.add_argument(
        "--pedigree",
        metavar="PED",
        help="count Mendelian errors and de-novo calls of its trios, before and after the filter; "
        "alone, without a truth set too",
    )
    where = parser.add_argument_group("where: records of the calls and of the truth set")
    add_interval_arguments(where)
    how = parser.add_argument_group("how")
    add_option(
        how,
        "block",
        help="confidence intervals by a block bootstrap: calls within BASES of each other are not "
        "independent [calls at one position]",
    )
    how.add_argument(
        "--bootstrap",
        metavar="N",
        type=_count,
        help="replicates of the block bootstrap [1000; fewer above 200,000 calls]",
    )
    add_option(how, "seed", help="seed of the block bootstrap [1]")
    add_list(
        how,
        "-I",
        "--reads",
        metavar="READS",
        help="indexed BAM or CRAM that igv_session.xml shows; may be given several times",
    )
    add_option(how, "viewer")
    add_option(how, "title")
    add_option(how, "quiet")


def run(options: argparse.Namespace) -> None:
    """Evaluate and write the folder."""
    for option, value in (("--bootstrap", options.bootstrap), ("--seed", options.seed)):
        if value is not None and options.block is None:
            raise UsageError(
                f"{option} is of the block bootstrap: give --block BASES, or leave it out "
                "(intervals without blocks need no draws)"
            )
    _check_truths(options)
    intervals = intervals_of(options)
    os.environ.setdefault("REF_PATH", os.devnull)
    need("evaluate", "sklearn", "jinja2", "plotly")
    from cnnscore.calls.records import htslib_verbosity
    from cnnscore.evaluate.cohort import evaluate_samples, read_truth_map
    from cnnscore.evaluate.igv import (
        BED_NAME,
        SESSION_NAME,
        check_names,
        check_reads,
        mistakes_bed,
        session,
    )
    from cnnscore.evaluate.run import Request, evaluate
    from cnnscore.evaluate.tables import JSON_NAME, TABLES, summary, write_tables
    from cnnscore.files import file_name, results_folder, writing
    from cnnscore.progress import NoProgress, Progress
    from cnnscore.report.html import PAGE_NAME, write_report
    from cnnscore.report.multiqc import MULTIQC_NAME

    htslib_verbosity(0)
    if not (options.truth or options.truth_map):
        _evaluate_trios_alone(options, intervals)
        return
    table = read_truth_map(options.truth_map) if options.truth_map else None
    files = (*options.calls, options.truth, options.confident, options.reference)
    check_names([file for file in files if file])
    check_reads(options.reads)
    request = Request(
        calls=options.calls,
        truth=options.truth or "",
        confident=options.confident,
        reference=options.reference,
        scores=options.score,
        stratify=options.stratify,
        unit=options.unit,
        match_genotype=options.match_genotype,
        all_alleles=options.all_alleles,
        sample=options.sample,
        truth_sample=options.truth_sample,
        same_sample=options.same_sample,
        passing_truth=options.passing_truth,
        comparator=options.comparator,
        intervals=intervals,
        block=options.block,
        replicates=options.bootstrap,
        seed=1 if options.seed is None else options.seed,
    )
    names = (JSON_NAME, *TABLES, PAGE_NAME, MULTIQC_NAME, BED_NAME, SESSION_NAME, *COHORT)
    fixed = "|".join(map(re.escape, names))
    own = rf"{fixed}|compared(\..+)?\.vcf\.gz(\.tbi|\.csi)?"
    with results_folder(
        options.output, mark=JSON_NAME, own=own, overwrite=options.overwrite
    ) as folder:
        progress = NoProgress() if options.quiet else Progress()
        found = evaluate_samples(request, table, progress) if table else evaluate(request, progress)
        result = found.result
        result["command"] = shlex.join(["cnnscore", *sys.argv[1:]])
        result["date"] = datetime.now().astimezone().isoformat(timespec="seconds")
        with writing(options.output):
            write_tables(result, folder)
            trios = _write_cohort(options, intervals, result, folder)
            several, compared = len(found.files) > 1, []
            for rows in found.files:
                name = f"compared.{file_name(rows.name)}.vcf.gz" if several else "compared.vcf.gz"
                rows.lines.write(str(folder / name), folder)
                compared.append(name)
            (folder / BED_NAME).write_text(mistakes_bed(result), encoding="utf-8")
            in_igv = session(result, Path(options.output), options.reads, compared)
            (folder / SESSION_NAME).write_text(in_igv, encoding="utf-8")
            write_report(result, folder, viewer=options.viewer, title=options.title)
    for note in result["notes"]:
        log.warning("%s", note)
    if not options.quiet:
        print(summary(result), file=sys.stderr)
        for line in trios:
            print(line, file=sys.stderr)


def _check_truths(options: argparse.Namespace) -> None:
    if not (options.truth or options.truth_map or options.pedigree):
        raise UsageError("nothing to compare with: give --truth, --truth-map or --pedigree")
    if options.truth_map:
        for name in ("truth", "confident", "sample", "truth_sample"):
            if getattr(options, name):
                raise UsageError(
                    f"--{name.replace('_', '-')} does not go with --truth-map, whose rows have it"
                )
    if (options.truth_map or options.pedigree) and len(options.calls) > 1:
        raise UsageError("--truth-map and --pedigree are about the samples of one call file")


def _write_cohort(
    options: argparse.Namespace, intervals: Intervals, result: dict[str, Any], folder: Path
) -> list[str]:
    """The tables of samples and trios, if they are wanted; lines for the terminal."""
    from cnnscore.evaluate.cohort import write_samples
    from cnnscore.evaluate.trios import trios_text, write_trios

    if options.truth_map:
        write_samples(result, folder)
    if not options.pedigree:
        return []
    trios = _count_trios(options, intervals)
    write_trios(trios, folder)
    return trios_text(trios)


def _count_trios(options: argparse.Namespace, intervals: Intervals) -> list[TrioCounts]:
    from cnnscore.evaluate.trios import count_trios, read_pedigree

    (calls,) = options.calls
    return count_trios(calls, read_pedigree(options.pedigree), intervals)


def _evaluate_trios_alone(options: argparse.Namespace, intervals: Intervals) -> None:
    from cnnscore.evaluate.trios import TRIOS_NAME, trios_text, write_trios
    from cnnscore.files import results_folder, writing

    own = "|".join(map(re.escape, COHORT))
    with results_folder(
        options.output, mark=TRIOS_NAME, own=own, overwrite=options.overwrite
    ) as folder:
        found = _count_trios(options, intervals)
        with writing(options.output):
            write_trios(found, folder)
    if not options.quiet:
        for line in trios_text(found):
            print(line, file=sys.stderr)


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return int(text)
