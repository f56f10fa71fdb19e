"""Turn calls with a truth set into labelled windows, the data that `cnnscore train` learns from.

One row for each site and ALT allele that the sample carries: the reference and the reads around
it, the caller's annotations, and whether the truth set has it. The result is one Parquet file;
several samples are several files in one folder. Calls outside the confident regions are dropped.

Without calls and truth set, --plant makes both out of the reads: it changes alleles of the
reference, aligns the reads anew and calls them, so what is true is known.

Examples:
  cnnscore dataset calls.vcf.gz -R ref.fa -I reads.bam --truth truth.vcf.gz \\
      --confident confident.bed -o data/
  cnnscore dataset calls.vcf.gz -R ref.fa -I reads.bam --truth truth.vcf.gz \\
      --confident confident.bed --hold-out chr20,chr21 --keep SNP=0.1 -o data/na12878.parquet
  cnnscore dataset --plant -R ref.fa -I reads.bam -r chr20 --seeds 1,2,3 -o planted/
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cnnscore.cli.arguments import (
    add_input_arguments,
    add_list,
    add_option,
    add_record_arguments,
    add_running_arguments,
    intervals_of,
    pairs,
    positive,
)
from cnnscore.errors import UsageError
from cnnscore.extras import need

if TYPE_CHECKING:
    from cnnscore.dataset.make import DatasetOptions
    from cnnscore.dataset.summary import DatasetSummary
    from cnnscore.plant.run import PlantOptions, PlantSummary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_option(parser, "calls", nargs="?")
    files = parser.add_argument_group("files")
    add_input_arguments(files)
    add_option(files, "truth", help="true variants of the sample")
    add_option(files, "confident")
    add_option(files, "output", metavar="DATA", required=True, help="folder, or a file .parquet")
    add_option(files, "overwrite", help="replace an existing file")
    planting = parser.add_argument_group("planted truth, in place of CALLS and --truth")
    planting.add_argument(
        "--plant",
        action="store_true",
        help="real reads with planted truth: all of -r, or of the reads, into the folder DATA",
    )
    planting.add_argument(
        "--seeds",
        metavar="N,...",
        default="1",
        help="each plants other alleles over the same reads [1]",
    )
    add_list(
        planting,
        "--caller",
        metavar="CALLER",
        help="bcftools, freebayes, gatk, gatk=FILE (launcher or jar) or NAME=COMMAND with "
        "{reference}, {reads}, {ploidy}, {calls}; may be given several times [bcftools]",
    )
    planting.add_argument(
        "--aligner",
        metavar="COMMAND",
        help="prints SAM of {reads}, FASTQ with mates one after the other, on {reference} "
        "[bwa mem]",
    )
    planting.add_argument(
        "--ploidy", metavar="N", type=positive, default=2, help="of the sample, 1 or 2 [2]"
    )
    add_option(planting, "threads", help="of the aligner, and for regions [cores]")
    rows = parser.add_argument_group("rows")
    add_option(
        rows,
        "all-alleles",
        help="rows for all ALT alleles, also those that the sample does not carry [its genotype's]",
    )
    rows.add_argument(
        "--name", metavar="NAME", help="the sample column [the sample, or the name of CALLS]"
    )
    add_list(
        rows,
        "--tag",
        metavar="KEY=VALUE",
        help="a text column of your own; may be given several times",
    )
    add_list(
        rows,
        "--keep",
        metavar="LABEL=PART",
        help="keep this part of a class (SNP, INDEL, NOT_SNP, NOT_INDEL), by a hash of the site",
    )
    rows.add_argument(
        "--weight",
        metavar="W",
        type=float,
        default=1.0,
        help="how often rows are drawn in training, relative to other samples [1]",
    )
    rows.add_argument(
        "--hold-out",
        metavar="CONTIGS",
        default="",
        help="contigs kept for testing, comma-separated",
    )
    for split in ("validation", "calibration"):
        rows.add_argument(
            f"--{split}",
            metavar="PART",
            type=float,
            default=0.1,
            help=f"part of the blocks for {split} [0.1]",
        )
    add_option(
        rows,
        "block",
        help="size of the regions that go into one split as a whole [100000, or as much less as "
        "it takes to split each class as asked, down to 2000]",
    )
    rows.add_argument(
        "--allow-empty-splits",
        action="store_true",
        help="write the data set also where a split has no row of a class",
    )
    windows = parser.add_argument_group("windows")
    windows.add_argument(
        "--window", metavar="W", type=int, default=600, help="columns of reference [600]"
    )
    windows.add_argument(
        "--read-limit", metavar="N", type=int, default=256, help="most reads per site [256]"
    )
    windows.add_argument(
        "--read-rule", metavar="RULE", help="which reads count [that of the encoding read-set]"
    )
    add_option(windows, "sample-depth")
    windows.add_argument("--info", metavar="KEYS", help="annotations to keep, comma-separated")
    records = parser.add_argument_group("records")
    add_record_arguments(records)
    add_running_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Make a data set of a call file, or of reads with planted truth."""
    os.environ.setdefault("REF_PATH", os.devnull)
    from cnnscore.calls.records import htslib_verbosity
    from cnnscore.dataset.make import make_dataset
    from cnnscore.progress import NoProgress, Progress

    _check_kind(options)
    need("dataset", "pyarrow")
    htslib_verbosity(3 if options.log_level == "debug" else 0)
    progress = NoProgress() if options.quiet else Progress()
    command = shlex.join(["cnnscore", *sys.argv[1:]])
    done: DatasetSummary | PlantSummary
    if options.plant:
        from cnnscore.plant.run import plant_dataset

        done = plant_dataset(
            reference=options.reference,
            reads=options.reads,
            output=Path(options.output),
            options=_planting(options),
            rows=_rows(options),
            command=command,
            progress=progress,
        )
    else:
        done = make_dataset(
            options.calls,
            reference=options.reference,
            reads=options.reads,
            truth=options.truth,
            confident=options.confident,
            output=Path(options.output),
            options=_rows(options),
            command=command,
            progress=progress,
        )
    if not options.quiet:
        for line in done.text().splitlines():
            print(f"cnnscore: {line}", file=sys.stderr)


def _check_kind(options: argparse.Namespace) -> None:
    """Errors: UsageError where options of both kinds are mixed, or of one are missing."""
    calls = {"CALLS": options.calls, "--truth": options.truth, "--confident": options.confident}
    given = [name for name, value in calls.items() if value]
    if options.plant and given:
        raise UsageError(f"--plant makes calls and truth itself: leave out {', '.join(given)}")
    planting = {"--caller": options.caller, "--aligner": options.aligner}
    wanted = [name for name, value in planting.items() if value]
    if not options.plant and wanted:
        raise UsageError(f"{wanted[0]} is for --plant, which is not given")
    lacking = [name for name in ("CALLS", "--truth") if not calls[name]]
    if not options.plant and lacking:
        raise UsageError(
            f"give {' and '.join(lacking)}; without a truth set, --plant makes both of the reads"
        )


def _planting(options: argparse.Namespace) -> PlantOptions:
    from cnnscore.plant.aligner import BWA, callers_of
    from cnnscore.plant.run import PlantOptions

    return PlantOptions(
        seeds=tuple(map(_seed, filter(None, options.seeds.split(",")))),
        aligner=options.aligner or BWA,
        callers=callers_of(options.caller or ["bcftools"]),
        ploidy=options.ploidy,
        region=options.regions,
        regions_file=options.regions_file,
        threads=options.threads or len(os.sched_getaffinity(0)),
    )


def _rows(options: argparse.Namespace) -> DatasetOptions:
    from cnnscore.dataset.make import ANNOTATIONS, DatasetOptions
    from cnnscore.dataset.splits import SplitRule

    intervals = intervals_of(options)
    if options.plant:  # its regions are of the reads, not of records
        intervals = replace(intervals, regions=None, regions_file=None)
    return DatasetOptions(
        sample=options.sample,
        all_alleles=options.all_alleles,
        name=options.name,
        overwrite=options.overwrite,
        keep={key: _number(value) for key, value in pairs("--keep", options.keep)},
        weight=options.weight,
        tags=dict(pairs("--tag", options.tag)),
        split=SplitRule(
            tuple(filter(None, options.hold_out.split(","))),
            options.validation,
            options.calibration,
            options.block,
            options.allow_empty_splits,
        ),
        annotations=tuple(options.info.split(",")) if options.info else ANNOTATIONS,
        window=options.window,
        read_rule=options.read_rule,
        read_limit=options.read_limit,
        sample_depth=options.sample_depth,
        intervals=intervals,
    )


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"--seeds {text}: give whole numbers, comma-separated")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a number") from None
