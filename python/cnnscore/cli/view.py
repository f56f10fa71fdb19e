"""Show what the network saw, site by site: reads, reference, annotations, score, and why.

Writes one HTML file that opens in any browser and needs no network connection; or a picture of
one site (--png), or text for a terminal (--terminal). Press ? in the page for its keys.

Examples:
  cnnscore view calls.vcf.gz -R ref.fa -I reads.bam -r chr20:1-200000 -o view.html
  cnnscore view calls.vcf.gz -R ref.fa -I reads.bam --near-threshold 0 --sites 50 -o view.html
  cnnscore view calls.vcf.gz -R ref.fa -I reads.bam --site chr20:61098:C:T --terminal
  cnnscore view scored.vcf.gz -R ref.fa -I reads.bam --mistakes evaluation -o view.html
  bcftools view -i 'QD<2' calls.vcf.gz | cnnscore view - -R ref.fa -I reads.bam -o low-qd.html
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cnnscore.cli.arguments import (
    add_annotations_argument,
    add_input_arguments,
    add_list,
    add_option,
    add_record_arguments,
    add_running_arguments,
    intervals_of,
    positive,
)
from cnnscore.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from cnnscore.progress import Progress
    from cnnscore.viewer.choose import Choice
    from cnnscore.viewer.view import View

DEFAULT_SITES = 200
_INTERVALS = ("regions", "regions_file", "targets", "targets_file")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_option(
        parser,
        "calls",
        help="VCF or BCF; - is standard input. Or a .parquet of `cnnscore dataset`, which needs "
        "neither -R nor -I",
    )
    files = parser.add_argument_group("files")
    add_input_arguments(files, reference_required=False)
    add_option(files, "output", help="the page, or the picture (.png, .svg or .pdf)")
    shown = parser.add_argument_group("what is written [a page]")
    shown.add_argument(
        "--png",
        metavar="SITE",
        help="a picture of one site, CONTIG:POS or CONTIG:POS:REF:ALT",
    )
    shown.add_argument("--terminal", action="store_true", help="text with colours, to stdout")
    shown.add_argument(
        "--colour",
        "--color",
        choices=["auto", "always", "never"],
        default="auto",
        help="colours of --terminal; auto: when the output is a terminal [auto]",
    )
    sites = parser.add_argument_group("sites (one rule, within the intervals) [the first ones]")
    add_list(
        sites,
        "--site",
        metavar="SITE",
        help="this site; may be given several times",
    )
    sites.add_argument(
        "--mistakes",
        metavar="EVALUATION",
        help="the worst mistakes that the report of this folder of `cnnscore evaluate` links to",
    )
    sites.add_argument(
        "--worst",
        metavar="N",
        type=positive,
        help="the N lowest scores; with --truth the N most wrong, false and true in turn",
    )
    sites.add_argument("--near-threshold", metavar="T", type=float, help="the scores nearest to T")
    sites.add_argument("--random", metavar="N", type=positive, help="a random sample of N")
    add_option(sites, "seed", default=1, help="seed of --random [1]")
    sites.add_argument(
        "--sites",
        metavar="N",
        type=positive,
        help=f"number of sites, 1,000 at most [{DEFAULT_SITES}]",
    )
    add_record_arguments(sites)
    add_option(sites, "truth", help="label the sites by this truth set")
    add_option(sites, "confident")
    add_option(
        sites,
        "sample-map",
        help="of a cohort, in place of -I: the carriers of each record under each other; a table "
        "with tabs of sample, reads (commas between) and, if known, depth",
    )
    network = parser.add_argument_group("network")
    add_option(network, "model", help="name or .onnx file [reads, or reference without -I]")
    add_option(
        network, "info-key", help="INFO key to choose by [the network's; if absent, score now]"
    )
    network.add_argument(
        "--attribution",
        metavar="RUNS",
        type=int,
        help="runs of the network per site to find what moved its score; 0: none; 300 shows every "
        "read and column by itself, fewer those that tell most [16 for gatk-reads networks, else "
        "300]",
    )
    add_option(network, "sample-depth")
    add_annotations_argument(network)
    add_option(network, "provider")
    running = parser.add_argument_group("running")
    add_option(running, "threads")
    add_running_arguments(running)


def run(options: argparse.Namespace) -> None:
    """Write the page, the picture or the text."""
    choice = _check_usage(options)
    # Never ask the network for a CRAM's reference: it is --reference or an error.
    os.environ.setdefault("REF_PATH", os.devnull)
    from cnnscore.calls.output import check_output
    from cnnscore.calls.records import htslib_verbosity
    from cnnscore.progress import NoProgress, Progress

    if options.output:
        inputs = options.calls, options.reference, options.sample_map, *options.reads
        check_output(options.output, filter(None, inputs))
    htslib_verbosity(3 if options.log_level == "debug" else 0)
    quiet = options.quiet or options.terminal
    progress = NoProgress() if quiet else Progress()
    with _open(options, choice, progress) as view:
        if options.terminal:
            from cnnscore.viewer.terminal import print_sites

            print_sites(view, sys.stdout, colour=options.colour)
            return
        if options.png:
            from cnnscore.viewer.picture import write_picture

            size = write_picture(view, options.output)
        else:
            from cnnscore.viewer.page import write_page

            title = "standard input" if options.calls == "-" else Path(options.calls).name
            command = shlex.join(["cnnscore", *sys.argv[1:]])
            size = write_page(view, options.output, title=title, command=command)
        if not options.quiet:
            shown = f"{view.count:,}{' carriers' if options.sample_map else ''}"
            print(
                f"cnnscore: {shown} of {view.records:,} records in {options.output} "
                f"({size / 1e6:.1f} MB)",
                file=sys.stderr,
            )


def _open(
    options: argparse.Namespace, choice: Choice, progress: Progress
) -> AbstractContextManager[View]:
    from cnnscore.network.store import default_model
    from cnnscore.score.engine import Engine

    intervals = intervals_of(options)
    runs = 0 if options.terminal or options.png else options.attribution
    engine = Engine(
        options.model or default_model(bool(options.reads or options.sample_map)),
        provider=options.provider,
        annotations_from="reads" if options.sample_map else options.annotations,
    )
    if _is_dataset(options.calls):
        from cnnscore.viewer.dataset import open_dataset_view

        return open_dataset_view(
            options.calls,
            engine,
            choice=choice,
            threads=options.threads or len(os.sched_getaffinity(0)),
            runs=runs,
            progress=progress,
        )
    from cnnscore.viewer.view import ViewOptions, open_view

    if options.sample_map:
        from cnnscore.viewer.carriers import open_cohort_view

        return open_cohort_view(
            options.calls,
            engine,
            reference=options.reference,
            sample_map=options.sample_map,
            choice=choice,
            options=ViewOptions(
                intervals=intervals,
                info_key=options.info_key,
                runs=runs,
                threads=options.threads,
            ),
            progress=progress,
        )
    return open_view(
        options.calls,
        engine,
        reference=options.reference,
        reads=options.reads,
        choice=choice,
        options=ViewOptions(
            sample=options.sample,
            sample_depth=options.sample_depth,
            intervals=intervals,
            info_key=options.info_key,
            truth=options.truth,
            confident=options.confident,
            runs=runs,
            threads=options.threads,
        ),
        progress=progress,
    )


def _is_dataset(path: str) -> bool:
    return path.endswith(".parquet") or Path(path).is_dir()


def _check_usage(options: argparse.Namespace) -> Choice:
    from cnnscore.viewer.choose import Choice, SiteName

    if _is_dataset(options.calls):
        _check_dataset_usage(options)
    elif not options.reference:
        raise UsageError("give the FASTA that the calls were made against with -R")
    _check_cohort_usage(options)
    if options.confident and not options.truth:
        raise UsageError("--confident goes with --truth: a truth set says what is true there")
    if options.png and options.terminal:
        raise UsageError("give --png or --terminal, not both")
    if options.terminal and options.output:
        raise UsageError("--terminal writes to standard output: redirect it in place of -o")
    if not options.terminal and not options.output:
        raise UsageError("name the file to write with -o, or take --terminal")
    if options.attribution is not None and options.attribution < 0:
        raise UsageError(f"--attribution {options.attribution}: runs of the network, 0 or more")
    if options.png and (options.site or options.worst or options.random):
        raise UsageError("--png names its one site itself: no --site, --worst or --random with it")
    if (options.worst and options.random) or (options.mistakes and (options.site or options.png)):
        raise UsageError(
            "give one of --site, --mistakes, --worst, --near-threshold and --random; --png names "
            "its one site itself"
        )
    sites = tuple(map(SiteName.parse, [options.png] if options.png else options.site))
    if options.mistakes:
        from cnnscore.viewer.mistakes import mistakes_of

        sites = mistakes_of(options.mistakes, options.calls)
    return Choice(
        limit=options.worst or options.random or options.sites or max(len(sites), DEFAULT_SITES),
        sites=sites,
        worst=options.worst is not None,
        near=options.near_threshold,
        random=options.random is not None,
        seed=options.seed,
    )


def _check_cohort_usage(options: argparse.Namespace) -> None:
    for name in ("reads", "sample", "sample_depth", "truth", "annotations", "png", "mistakes"):
        if options.sample_map and getattr(options, name):
            option = "-I" if name == "reads" else f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} does not go with --sample-map")


def _check_dataset_usage(options: argparse.Namespace) -> None:
    if not options.model:
        raise UsageError("a data set says nothing of networks: name one with --model (-m)")
    for name in (
        *("reference", "reads", "truth", "sample", "sample_depth", "info_key", "annotations"),
        "mistakes",
        "sample_map",
        *_INTERVALS,
    ):
        if getattr(options, name):
            raise UsageError(
                f"--{name.replace('_', '-')} goes with calls: a data set holds its windows and "
                "labels already"
            )
