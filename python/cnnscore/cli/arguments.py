"""Options that several subcommands have, and types of options."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cnnscore.checked import CHOICES, LARGEST
from cnnscore.errors import UsageError
from cnnscore.version import __version__

if TYPE_CHECKING:
    from cnnscore.calls.output import OutputOptions
    from cnnscore.calls.records import Intervals


def positive(text: str) -> int:
    """A whole number from 1 on."""
    return _whole_number(text, 1, "positive number")


def whole(text: str) -> int:
    """A whole number from 0 on."""
    return _whole_number(text, 0, "whole number from 0 on")


def _whole_number(text: str, least: int, what: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST))
    if not is_number or not least <= int(text) <= LARGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a {what}")
    return int(text)


def depth(text: str) -> float:
    """A number above 0."""
    value = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]*)?", text) else 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a depth: a number above 0")
    return value


# Options whose value is optional and joined with "=": the next word is never taken for it.
OUTPUT_ALONE = {"-W": "-W=csi", "--write-index": "--write-index=csi"}

# Options of several commands: flags and settings, once. A command gives what differs (add_option).
_COMMON: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "calls": (("calls",), {"metavar": "CALLS", "help": "VCF or BCF; - is standard input"}),
    "output": (("-o", "--output"), {"metavar": "OUT", "help": "output [standard output]"}),
    "overwrite": (("--overwrite",), {"action": "store_true"}),
    "insecure": (("--insecure",), {"action": "store_true"}),
    "reference": (("-R", "--reference"), {"metavar": "REF", "help": "FASTA with .fai"}),
    "sample": (("--sample",), {"metavar": "NAME"}),
    "truth": (("--truth",), {"metavar": "VCF"}),
    "confident": (
        ("--confident",),
        {"metavar": "BED", "help": "where the truth set is complete [everywhere]"},
    ),
    "all-alleles": (("--all-alleles",), {"action": "store_true"}),
    "model": (("-m", "--model"), {"metavar": "MODEL"}),
    "network": (("name",), {"metavar": "MODEL", "help": "name or .onnx file"}),
    "info-key": (("--info-key",), {"metavar": "KEY"}),
    "provider": (
        ("--provider",),
        {
            "choices": CHOICES["provider"],
            "default": "auto",
            "help": "where to compute; auto takes CUDA where it works [auto]",
        },
    ),
    "precision": (
        ("--precision",),
        {
            "choices": CHOICES["precision"],
            "default": "exact",
            "help": "bf16: GATK's networks two to three times as fast on a CPU with AMX, with "
            "errors in the second decimal; the header says so [exact]",
        },
    ),
    "threads": (
        ("--threads",),
        {"metavar": "N", "type": positive, "help": "worker threads [cores]"},
    ),
    "token-file": (("--token-file",), {"metavar": "FILE"}),
    "tranche-table": (("--tranche-table",), {"metavar": "TSV"}),
    "viewer": (
        ("--viewer",),
        {
            "metavar": "PAGE",
            "default": "view.html",
            "help": "page of `cnnscore view` that the report links to [view.html]",
        },
    ),
    "title": (("--title",), {"metavar": "TEXT", "default": "", "help": "title of the page"}),
    "block": (("--block",), {"metavar": "BASES", "type": positive}),
    "sample-depth": (
        ("--sample-depth",),
        {
            "metavar": "DEPTH",
            "type": depth,
            "help": "how deep the sample is, as `cnnscore depth` prints it [measured in the reads]",
        },
    ),
    "sample-map": (("--sample-map",), {"metavar": "TSV"}),
    "seed": (("--seed",), {"metavar": "N", "type": whole}),
    "quiet": (("--quiet",), {"action": "store_true", "help": "no progress, no summary"}),
}


def add_option(group: argparse._ActionsContainer, name: str, **settings: Any) -> None:
    """Add the option `name` of several commands; `settings` are the command's own."""
    flags, common = _COMMON[name]
    group.add_argument(*flags, **{**common, **settings})


def add_list(group: argparse._ActionsContainer, *flags: str, metavar: str, help: str) -> None:
    """Add an option that may be given several times."""
    group.add_argument(*flags, metavar=metavar, action="append", default=[], help=help)


def add_output_arguments(group: argparse._ArgumentGroup) -> None:
    """Where calls are written, and how; as in bcftools."""
    add_option(group, "output", default="-")
    group.add_argument(
        "-O",
        "--output-type",
        metavar="TYPE",
        help="u/b: un-/compressed BCF, v/z: un-/compressed VCF, b and z with a level 0-9 "
        "[by the suffix of OUT, else v]",
    )
    group.add_argument(
        "-W",
        "--write-index",
        metavar="[=FMT]",
        choices=CHOICES["write_index"],
        help="index OUT: -W or -W=csi, -W=tbi",
    )
    group.add_argument(
        "--no-version", action="store_true", help="no version and command in the header"
    )


def add_annotations_argument(group: argparse._ArgumentGroup) -> None:
    """Where a network's annotations come from."""
    group.add_argument(
        "--annotations",
        choices=CHOICES["annotations_from"],
        help="take annotations from the records (caller), from the reads, or from the reads where "
        "a record has none (fill) [fill for cnnscore's networks that look at reads, else caller]",
    )


def add_input_arguments(group: argparse._ArgumentGroup, *, reference_required: bool = True) -> None:
    """The reference and the reads that calls were made of."""
    add_option(group, "reference", required=reference_required)
    add_list(
        group,
        "-I",
        "--reads",
        metavar="READS",
        help="indexed BAM or CRAM; may be given several times",
    )


def add_record_arguments(group: argparse._ArgumentGroup) -> None:
    """Which records count, and of which sample; as in bcftools."""
    add_interval_arguments(group)
    add_option(group, "sample", help="its VCF column, and the reads whose read group has this SM")


def add_interval_arguments(group: argparse._ArgumentGroup) -> None:
    """Where the records lie that count; as in bcftools. `intervals_of` reads them."""
    group.add_argument(
        "-r",
        "--regions",
        metavar="REGIONS",
        help="CHR or CHR:BEG-END, comma-separated; found by index",
    )
    group.add_argument("--regions-file", metavar="BED", help="the same from a file")
    group.add_argument(
        "-t",
        "--targets",
        metavar="TARGETS",
        help="the same, but reads the whole file; needs no index",
    )
    group.add_argument(
        "--targets-file", metavar="BED", help="the same from a file; ^BED: all but these"
    )
    for kind, default in (("regions", "record"), ("targets", "pos")):
        group.add_argument(
            f"--{kind}-overlap",
            metavar="WHAT",
            type=_overlap,
            default=default,
            help="what must lie within: pos, record or variant (bcftools: 0, 1, 2) [%(default)s]",
        )


def intervals_of(options: argparse.Namespace) -> Intervals:
    """The intervals that were asked for. Errors: UsageError."""
    from cnnscore.calls.records import Intervals

    return Intervals(
        options.regions,
        options.regions_file,
        options.targets,
        options.targets_file,
        regions_overlap=options.regions_overlap,
        targets_overlap=options.targets_overlap,
    )


def _overlap(text: str) -> str:
    """bcftools' names or numbers for what must lie within an interval."""
    return {"0": "pos", "1": "record", "2": "variant"}.get(text, text)


def add_running_arguments(group: argparse._ActionsContainer) -> None:
    """What is said while it runs."""
    add_option(group, "quiet")
    add_log_argument(group)


def add_log_argument(group: argparse._ActionsContainer, default: str = "warning") -> None:
    """How much is said on stderr."""
    group.add_argument(
        "--log-level",
        metavar="LEVEL",
        default=default,
        choices=["debug", "info", "warning", "error"],
        help=f"debug, info, warning or error [{default}]",
    )


def output_options(options: argparse.Namespace, command: str) -> OutputOptions:
    """How calls are to be written; version and command line in the header, as of bcftools."""
    from cnnscore.calls.htslib import htslib_version
    from cnnscore.calls.output import OutputOptions

    date = datetime.now().astimezone().strftime("%a %b %e %H:%M:%S %Y")
    lines = (
        f"##cnnscore_{command}Version={__version__}+htslib-{htslib_version()}",
        f"##cnnscore_{command}Command={shlex.join(sys.argv[1:])}; Date={date}",
    )
    return OutputOptions(
        options.output_type, options.write_index, () if options.no_version else lines
    )


def pairs(option: str, given: Iterable[str]) -> list[tuple[str, str]]:
    """Key and value of each KEY=VALUE, neither empty. Errors: UsageError that names the option."""
    found = []
    for text in given:
        key, _, value = text.partition("=")
        if not key or not value:
            raise UsageError(f"{option} {text}: give KEY=VALUE")
        found.append((key, value))
    return found
