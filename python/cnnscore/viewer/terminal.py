"""Sites as text for a terminal: bases that equal the reference are dots and commas, as in samtools.

Colour never stands alone: letters, `*` for deletions and `+` for reads of the ALT allele say the
same. Text from files is shown without control characters, which a terminal would obey.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from itertools import groupby
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from cnnscore.network.encode import READ_GAP, READ_LETTERS, READ_NONE
from cnnscore.viewer.palette import BASES, rgb
from cnnscore.viewer.reads import OTHER, UNSEEN
from cnnscore.viewer.sites import Site
from cnnscore.viewer.view import View

REFERENCE_LETTERS = "ACGT*N "
GUTTER = 12
NARROWEST, WIDEST, NO_TERMINAL = 40, 400, 120
FAINT_QUALITY = 20
BOLD, FAINT, FOR, AGAINST = "1", "2", "1;34", "1;33"


Cell = tuple[str, str]
"""A character and the SGR codes of its colour."""


class Ink:
    """ANSI sequences, or nothing."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def paint(self, text: str, codes: str) -> str:
        """`text` within SGR codes as in `1;34`."""
        return f"\x1b[{codes}m{text}\x1b[0m" if self.on and codes else text

    def cells(self, cells: Iterable[Cell]) -> str:
        """Characters with their colours, one sequence per run of equal ones."""
        runs = groupby(cells, key=lambda cell: cell[1])
        return "".join(self.paint("".join(c for c, _ in run), codes) for codes, run in runs)


def _base(letter: str) -> str:
    if letter not in BASES:
        return BOLD
    return ";".join([BOLD, "38", "2", *(str(part) for part in rgb(BASES[letter]))])


def print_sites(view: View, stream: TextIO, *, colour: str) -> None:
    """Print the sites of a view, one after another. `colour` is auto, always or never."""
    on = colour == "always" or (
        colour == "auto" and stream.isatty() and not os.environ.get("NO_COLOR")
    )
    ink = Ink(on)
    width = shutil.get_terminal_size((NO_TERMINAL, 40)).columns
    for site in view.sites:
        stream.write(site_text(site, view.manifest.labels, view.manifest.annotations, ink, width))
        stream.write("\n")


def site_text(
    site: Site, labels: tuple[str, ...], annotations: tuple[str, ...], ink: Ink, width: int
) -> str:
    """One site as lines of at most `width` columns."""
    width = max(NARROWEST, min(width, WIDEST))
    record = site.record
    title = f"{record.contig}:{record.pos:,} {record.ref}>{record.alt}"
    score = f"{site.score:z.3f}"
    lines = [
        ink.paint(plain(title, width - 14), BOLD)
        + "  "
        + ink.paint(score, FOR if site.score > 0 else AGAINST),
        plain(f"QUAL {record.qual}  FILTER {record.filter}  {len(site.reads)} reads", width),
    ]
    if len(site.output) == len(labels) > 1:
        lines.append(
            "  ".join(f"{label} {p:.3f}" for label, p in zip(labels, site.output, strict=True))
        )
    seen = zip(annotations, site.seen, strict=True)
    lines.append(
        plain("  ".join(f"{k} {'.' if np.isnan(v) else format(v, '.4g')}" for k, v in seen), width)
    )
    if site.label >= 0:
        lines.append("true in the truth set" if site.label else "false: not in the truth set")
    lines += _pileup(site, ink, width)
    return "\n".join(lines) + "\n"


def _pileup(site: Site, ink: Ink, width: int) -> list[str]:
    codes = site.pileup.get("reference")
    if codes is None and site.planes.get("reference", np.zeros(0)).dtype == np.uint8:
        codes = site.planes.get("reference")
    if codes is None or not len(codes):
        return []
    shown = min(len(codes), width - GUTTER)
    at = site_column(site, codes)
    first = max(0, min(at - shown // 2, len(codes) - shown))
    columns = range(first, first + shown)
    lines = [" " * (GUTTER + at - first) + ink.paint("v", BOLD)]
    letters = [REFERENCE_LETTERS[codes[column]] for column in columns]
    reference = ink.cells((letter, _base(letter)) for letter in letters)
    lines.append(f"{'reference':<{GUTTER}}{reference}")
    for row, read in enumerate(site.reads):
        mark = "+" if read.allele > 0 else {OTHER: "?", UNSEEN: " "}.get(read.allele, "-")
        label = f"{mark} {'<' if read.flag & 16 else '>'} {read.mapq:>3}".ljust(GUTTER)
        cells = (_cell(site, row, column, int(codes[column])) for column in columns)
        lines.append(ink.paint(label, BOLD if mark == "+" else "") + ink.cells(cells))
    return lines


def _cell(site: Site, row: int, column: int, reference: int) -> Cell:
    code = int(site.pileup["bases"][row, column]) & 31
    if code == READ_NONE:
        return " ", ""
    if code == READ_GAP:
        return ("-", FAINT) if REFERENCE_LETTERS[reference] == "*" else ("*", BOLD)
    letter = READ_LETTERS[code]
    reverse = bool(site.reads[row].flag & 16)
    if letter == REFERENCE_LETTERS[reference]:
        return "," if reverse else ".", FAINT
    low = int(site.pileup["quals"][row, column]) < FAINT_QUALITY
    return letter.lower() if reverse else letter, FAINT if low else _base(letter)


def site_column(site: Site, codes: NDArray[np.uint8]) -> int:
    """The column of POS: after half a window of reference, or less at a contig's start; gaps not
    counted."""
    before = min(len(codes) // 2, site.record.pos - 1)
    bases = np.flatnonzero(codes != REFERENCE_LETTERS.index("*"))
    return int(bases[before]) if 0 <= before < len(bases) else max(before, 0)


def plain(text: str, width: int) -> str:
    """Printable text of at most `width` characters."""
    safe = "".join(letter if letter.isprintable() else "?" for letter in text)
    return safe if len(safe) <= width else safe[: width - 1] + "…"
