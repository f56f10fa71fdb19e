"""Train a network on labelled windows, or refine one.

CONFIG is a TOML file, or the name of one that comes with cnnscore: reads and reference (as the
bundled networks are), read-set, annotations, separable-2d, gatk-1d. OUT is a folder: NAME.onnx,
which `cnnscore score -m` takes, its card NAME.md, and the logs of the run.

Examples:
  cnnscore train read-set data/ -o run/
  cnnscore train read-set data/ -o run2/ --seed 2 --set training.steps=2000
  cnnscore train read-set data/ -o one/ --teacher run/read-set.onnx --teacher run2/read-set.onnx
  cnnscore train reads data/ -o tuned/ --init reads --set name=mine
  cnnscore train gatk-1d data/ -o tuned/ --init gatk-1d
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cnnscore.checked import CHOICES
from cnnscore.cli.arguments import add_list, add_option, add_running_arguments, pairs
from cnnscore.errors import UsageError
from cnnscore.extras import need


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("config", metavar="CONFIG", help="TOML file, or a name (above)")
    parser.add_argument(
        "data", metavar="DATA", nargs="+", help="folders or .parquet files of `cnnscore dataset`"
    )
    add_option(parser, "output", required=True, help="folder")
    add_option(parser, "overwrite", help="start again in a used folder")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/checkpoint.pt")
    what = parser.add_argument_group("what is trained")
    add_list(
        what,
        "--set",
        metavar="KEY=VALUE",
        help="replace a value of CONFIG: training.steps=500; may be given several times",
    )
    add_option(what, "seed", help="short for --set training.seed=N")
    what.add_argument(
        "--init", metavar="MODEL", help="refine: start from the weights and the layout of a network"
    )
    add_list(
        what,
        "--rehearsal",
        metavar="DATA",
        help="with --init: what the network must not forget; may be given several times [a sample "
        "of what the bundled networks were trained on]",
    )
    add_list(
        what,
        "--teacher",
        metavar="MODEL",
        help="learn what these networks say beside the labels; may be given several times",
    )
    add_list(
        what,
        "--leave-out",
        metavar="KEY=VALUE",
        help="leave out rows with this tag, sample or contig; may be given several times",
    )
    running = parser.add_argument_group("running")
    running.add_argument(
        "--device", choices=CHOICES["device"], default="auto", help="where to compute [auto]"
    )
    add_option(
        running, "threads", default=1, help="worker threads [1: small networks gain little by more]"
    )
    add_running_arguments(running)


def run(options: argparse.Namespace) -> None:
    """Train a network."""
    from cnnscore.dataset.parquet import dataset_files
    from cnnscore.train.config import load_config, start_of

    settings = list(options.set)
    if options.seed is not None:
        settings.append(f"training.seed={options.seed}")
    if options.rehearsal and not options.init:
        raise UsageError("--rehearsal is for networks that start from another: give --init")
    start = start_of(options.init) if options.init else None
    config = load_config(options.config, settings, start)
    files, rehearsal = dataset_files(options.data), dataset_files(options.rehearsal)
    need("train", "pyarrow", "torch", "matplotlib", "tensorboard")
    from cnnscore.progress import NoProgress, Progress
    from cnnscore.train.run import RunOptions, run_training

    done = run_training(
        config,
        files,
        Path(options.output),
        RunOptions(
            init=options.init,
            teachers=tuple(options.teacher),
            rehearsal=tuple(rehearsal),
            leave_out=tuple(pairs("--leave-out", options.leave_out)),
            resume=options.resume,
            overwrite=options.overwrite,
            device=options.device,
            threads=options.threads,
            progress=NoProgress() if options.quiet else Progress(),
        ),
    )
    if not options.quiet:
        for line in done.text().splitlines():
            print(f"cnnscore: {line}", file=sys.stderr)
