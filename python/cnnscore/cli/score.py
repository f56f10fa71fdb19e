"""Write one score per record into INFO of a VCF or BCF.

The score is a log-odds: the higher, the likelier the variant is real; 0 is even odds, where
artefacts are as frequent as in training. `cnnscore filter` turns scores into PASS, by default
with cut-offs that keep 99 % of true calls: they lie below 0, and so a call that passes can be
likelier false than true. A cut-off at 0 is stricter.
A network that looks at reads needs them indexed (BAM or CRAM); every network needs the FASTA
that the variants were called against. A cohort's calls get a score for each carrier, and one for
the site, with --sample-map.

Examples:
  cnnscore score calls.vcf.gz -R ref.fa -I reads.bam -o scored.vcf.gz -W
  cnnscore score calls.vcf.gz -R ref.fa -m gatk-1d -o scored.vcf.gz
  cnnscore score cohort.vcf.gz -R ref.fa --sample-map samples.tsv -o scored.vcf.gz -W
  bcftools call ... | cnnscore score - -R ref.fa -I reads.bam | bcftools filter -e 'CNN_READS<0'
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cnnscore.checked import CHOICES
from cnnscore.cli.arguments import (
    OUTPUT_ALONE,
    add_annotations_argument,
    add_input_arguments,
    add_option,
    add_output_arguments,
    add_record_arguments,
    add_running_arguments,
    intervals_of,
    output_options,
    positive,
)
from cnnscore.cli.naming import option_of
from cnnscore.errors import UsageError

if TYPE_CHECKING:
    from cnnscore.calls.records import Intervals
    from cnnscore.score.open import EngineSettings
    from cnnscore.score.options import ScoreOptions

log = logging.getLogger("cnnscore")

OPTIONS_ALONE = OUTPUT_ALONE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_option(parser, "calls", nargs="?")
    files = parser.add_argument_group("files")
    add_input_arguments(files)
    add_output_arguments(files)
    network = parser.add_argument_group("network")
    add_option(
        network,
        "model",
        help="name or .onnx file [reads, or reference without -I]; see `cnnscore model list`",
    )
    add_option(network, "info-key", help="INFO key of the score [the network's own]")
    add_option(network, "overwrite", help="replace an INFO key that the input has")
    add_option(network, "provider")
    add_option(network, "precision")
    network.add_argument(
        "--downsampling",
        choices=CHOICES["downsampling"],
        default="site",
        help="how to sample a site that has more reads than the network takes: by the site "
        "alone, or as GATK does, over a whole file in order [site]",
    )
    add_option(network, "sample-depth")
    add_annotations_argument(network)
    network.add_argument(
        "--per-allele",
        action="store_true",
        help="one score per ALT allele (Number=A); cnnscore's own networks only",
    )
    cohort = parser.add_argument_group("cohorts")
    add_option(
        cohort,
        "sample-map",
        help="in place of -I: a line for each sample, with tabs between its name, its reads (BAM "
        "or CRAM, with commas between) and, if known, its depth. FORMAT gets a score for each "
        "carrier, INFO the site's",
    )
    cohort.add_argument(
        "--max-open-files",
        metavar="N",
        type=positive,
        help="most read files and references that are open at a time [100]",
    )
    server = parser.add_argument_group("server")
    server.add_argument(
        "--server",
        metavar="ADDRESS",
        help="let this `cnnscore serve` score: unix:PATH or tcp:HOST:PORT. With --model, it must "
        "have that network",
    )
    add_option(server, "token-file", help="file with the token of a tcp: server")
    server.add_argument("--tls-ca", metavar="PEM", help="certificates to trust [the system's]")
    server.add_argument(
        "--server-timeout",
        metavar="SECONDS",
        type=positive,
        help="longest time for one batch, waiting included [600]",
    )
    shards = parser.add_argument_group("shards")
    shards.add_argument(
        "--work",
        metavar="DIR",
        help="score in shards, kept in this folder: the same command goes on where it ended",
    )
    shards.add_argument(
        "--table",
        metavar="TSV",
        help="many call files in one plan, in place of CALLS, -I, --sample and -o: the first line "
        "names the columns calls, reads (with commas between), sample and out",
    )
    shards.add_argument(
        "--shards",
        metavar="N",
        type=positive,
        help="how many for each call file [one per 20,000 sites]",
    )
    shards.add_argument(
        "--cluster",
        metavar="WHO",
        help="who scores them: local or local:N (processes on this machine), slurm, pbs, lsf, sge, "
        "or a Dask scheduler's tls://HOST:PORT or tcp://HOST:PORT [the threads of this process]",
    )
    shards.add_argument("--cluster-config", metavar="TOML", help="what the cluster asks for")
    add_option(shards, "insecure", help="allow connections between machines without TLS")
    shards.add_argument(
        "--keep-work", action="store_true", help="leave the folder as it is when all is written"
    )
    records = parser.add_argument_group("records")
    add_record_arguments(records)
    running = parser.add_argument_group("running")
    add_option(running, "threads")
    running.add_argument(
        "--batch-size",
        metavar="N",
        type=positive,
        help="sites per network call; never changes a score",
    )
    add_running_arguments(running)


def run(options: argparse.Namespace) -> None:
    """Score a call file."""
    _check_usage(options)
    intervals = intervals_of(options)
    # Never ask the network for a CRAM's reference: it is --reference or an error.
    os.environ.setdefault("REF_PATH", os.devnull)
    from cnnscore.calls.records import htslib_verbosity
    from cnnscore.progress import NoProgress, Progress
    from cnnscore.score.run import score_calls

    htslib_verbosity(3 if options.log_level == "debug" else 0)
    if options.work:
        _run_in_shards(options, intervals)
        return
    if options.sample_map:
        _run_cohort(options, intervals)
        return
    engine = _settings(options).open(has_reads=bool(options.reads))
    network = engine.description
    log.info("network %s on %s", network.model, network.provider)
    summary = score_calls(
        options.calls,
        engine,
        reference=options.reference,
        reads=options.reads,
        output=options.output,
        written=output_options(options, "score"),
        options=_score_options(options, intervals),
        threads=options.threads,
        progress=NoProgress() if options.quiet else Progress(),
    )
    if not options.quiet:
        print(f"cnnscore: {summary.text()}", file=sys.stderr)


def _run_cohort(options: argparse.Namespace, intervals: Intervals) -> None:
    from cnnscore.progress import NoProgress, Progress
    from cnnscore.score.cohort import score_cohort
    from cnnscore.score.options import CohortOptions

    own = CohortOptions(intervals=intervals, overwrite=options.overwrite)
    if options.max_open_files:
        own = replace(own, most_open_files=options.max_open_files)
    settings = replace(_settings(options), annotations_from="reads")
    summary = score_cohort(
        options.calls,
        settings.open(has_reads=True),
        reference=options.reference,
        sample_map=options.sample_map,
        output=options.output,
        written=output_options(options, "score"),
        options=own,
        threads=options.threads,
        progress=NoProgress() if options.quiet else Progress(),
    )
    if not options.quiet:
        print(f"cnnscore: {summary.text()}", file=sys.stderr)


def _score_options(options: argparse.Namespace, intervals: Intervals) -> ScoreOptions:
    from cnnscore.score.options import ScoreOptions

    return ScoreOptions(
        sample=options.sample,
        intervals=intervals,
        info_key=options.info_key,
        overwrite=options.overwrite,
        per_allele=options.per_allele,
        downsampling=options.downsampling,
        sample_depth=options.sample_depth,
    )


def _run_in_shards(options: argparse.Namespace, intervals: Intervals) -> None:
    from cnnscore.calls.reader_pool import MOST_OPEN_FILES
    from cnnscore.progress import NoProgress, Progress
    from cnnscore.scatter.cluster import cluster_runner
    from cnnscore.scatter.cohort_task import CohortFiles
    from cnnscore.scatter.folder import remove
    from cnnscore.scatter.table import Job, read_table
    from cnnscore.scatter.work import WorkOptions, score_in_shards

    settings = _settings(options)
    if options.table:
        jobs = read_table(options.table)
    elif options.sample_map:
        most = options.max_open_files or MOST_OPEN_FILES
        files = CohortFiles(options.sample_map, str(Path.cwd()), most)
        jobs = [Job(options.calls, (), options.output, cohort=files)]
        settings = replace(settings, annotations_from="reads")
    else:
        jobs = [Job(options.calls, tuple(options.reads), options.output, options.sample)]
    progress = NoProgress() if options.quiet else Progress()
    with cluster_runner(
        options.cluster,
        cluster_config=options.cluster_config,
        insecure=options.insecure,
        threads=options.threads,
        folder=options.work,
        say=progress.say,
    ) as (runner, threads):
        summaries = score_in_shards(
            jobs,
            reference=options.reference,
            engine=settings,
            written=output_options(options, "score"),
            options=_score_options(options, intervals),
            work=WorkOptions(options.work, options.shards, threads),
            runner=runner,
            progress=progress,
        )
    if not options.keep_work:
        remove(options.work)
    if not options.quiet:
        for job, summary in zip(jobs, summaries, strict=True):
            which = f"{job.output}: " if options.table else ""
            print(f"cnnscore: {which}{summary.text()}", file=sys.stderr)


def _settings(options: argparse.Namespace) -> EngineSettings:
    from cnnscore.score.open import EngineSettings

    return EngineSettings(
        model=options.model,
        provider=options.provider,
        precision=options.precision,
        batch_size=options.batch_size,
        annotations_from=options.annotations,
        server=options.server,
        token_file=options.token_file,
        tls_ca=options.tls_ca,
        timeout=options.server_timeout,
    )


def _check_usage(options: argparse.Namespace) -> None:
    from cnnscore.calls.records import is_bed

    _check_cohort(options)
    of_network = (options.provider != "auto", options.precision != "exact")
    if options.server and any((*of_network, options.batch_size, options.annotations)):
        raise UsageError(
            "--provider, --precision, --batch-size and --annotations are the server's: it has its "
            "own"
        )
    if not options.server and (options.token_file or options.tls_ca or options.server_timeout):
        raise UsageError("--token-file, --tls-ca and --server-timeout go with --server")
    if options.table and not options.work:
        raise UsageError("--table goes with --work")
    alone = (options.calls, options.reads, options.sample, options.output != "-")
    if options.table and any(alone):
        raise UsageError(
            "--table has the calls, reads, samples and outputs: leave out CALLS, -I, "
            "--sample and -o"
        )
    if not (options.table or options.calls):
        raise UsageError("the following arguments are required: CALLS")
    of_work = ("shards", "cluster", "cluster_config", "insecure", "keep_work")
    if not options.work and any(getattr(options, name) for name in of_work):
        raise UsageError(
            "--shards, --cluster, --cluster-config, --insecure and --keep-work go with --work"
        )
    if is_bed(options.reference):
        raise UsageError(
            f"-R is the reference FASTA here, and {options.reference} is a BED file: "
            "intervals go to --regions-file or --targets-file"
        )


def _check_cohort(options: argparse.Namespace) -> None:
    if not options.sample_map:
        if options.max_open_files:
            raise UsageError("--max-open-files goes with --sample-map")
        return
    others = (
        "reads",
        "sample",
        "sample_depth",
        "info_key",
        "per_allele",
        "table",
    )
    for name in others:
        if getattr(options, name):
            option = "-I" if name == "reads" else option_of(name)
            raise UsageError(f"{option} does not go with --sample-map")
    if options.downsampling != "site":
        raise UsageError("--downsampling gatk does not go with --sample-map")
    if options.annotations not in (None, "reads"):
        raise UsageError(
            f"--annotations {options.annotations} does not go with --sample-map: INFO of a cohort "
            "says nothing of one sample, so they come from its reads"
        )
