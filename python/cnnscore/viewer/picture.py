"""One site as a picture for slides and papers: PNG, SVG or PDF, by matplotlib."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.errors import UsageError
from cnnscore.extras import need
from cnnscore.files import write_whole
from cnnscore.network.encode import READ_GAP, READ_LETTERS, READ_NONE, REFERENCE_GAP
from cnnscore.network.manifest import Manifest
from cnnscore.viewer.palette import BASES, colour, rgb
from cnnscore.viewer.sites import Site
from cnnscore.viewer.terminal import REFERENCE_LETTERS, plain, site_column
from cnnscore.viewer.view import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
DPI = 200
WIDTH_INCHES, ROW_INCHES, LEAST_INCHES, MOST_INCHES = 12.0, 0.13, 3.6, 14.0
QUALITY_FULL, FAINTEST = 40, 0.12
LETTERS_AROUND = 24
"""Columns on each side of the site whose mismatches carry letters."""


def write_picture(view: View, output: str) -> int:
    """Draw the one site of a view; the size in bytes. Errors: UsageError, BadOutput."""
    suffix = Path(output).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{output}: a picture ends in {', '.join(SUFFIXES)}")
    (site,) = view.sites
    buffer = io.BytesIO()
    figure = figure_of(site, view.manifest)
    # Without dates in the file, equal input gives equal bytes.
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix)
    figure.savefig(buffer, format=suffix[1:], dpi=DPI, facecolor="white", metadata=metadata)
    content = buffer.getvalue()
    write_whole(output, content)
    return len(content)


def figure_of(site: Site, manifest: Manifest) -> Figure:
    """A site as a matplotlib figure. Errors: UsageError where matplotlib is not installed."""
    need("view", "matplotlib")
    from cnnscore.figure import NotebookFigure

    figure: Figure = _draw(NotebookFigure, site, manifest)
    return figure


def cells(site: Site) -> NDArray[np.float32]:
    """RGB [reads + 1, window, 3] of the pileup, the reference as row 0: quality as opacity on
    white, bases that equal the reference grey."""
    codes = site.pileup.get("reference", site.planes.get("reference"))
    assert codes is not None
    reference = np.array([REFERENCE_LETTERS[code] for code in codes])
    painted = np.ones((len(site.reads) + 1, len(codes), 3), np.float32)
    painted[0] = [_rgb(letter) for letter in reference]
    if not site.reads:
        return painted
    bases = site.pileup["bases"][: len(site.reads)] & 31
    letters = np.array([*READ_LETTERS, "*", " "])[np.minimum(bases, READ_NONE)]
    full = np.array([_rgb(letter) for letter in letters.ravel()], np.float32).reshape(
        *letters.shape, 3
    )
    same = (letters == reference) & (bases < READ_GAP)
    full[same] = np.array(rgb(colour("match"))) / 255
    quality = site.pileup["quals"][: len(site.reads)].astype(np.float32) / QUALITY_FULL
    opacity = np.clip(quality, FAINTEST, 1)[..., None]
    opacity[bases >= READ_GAP] = 1
    painted[1:] = 1 - opacity * (1 - full)
    return painted


def _rgb(letter: str) -> tuple[float, float, float]:
    if letter in " *":
        return (1.0, 1.0, 1.0)
    red, green, blue = rgb(BASES.get(letter, colour("base-n")))
    return red / 255, green / 255, blue / 255


def _draw(figure_type: type[Any], site: Site, manifest: Manifest) -> Any:
    painted = cells(site)
    rows, width = painted.shape[:2]
    height = min(MOST_INCHES, max(LEAST_INCHES, 1.7 + ROW_INCHES * (rows + 2)))
    figure = figure_type(figsize=(WIDTH_INCHES, height), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=(4.6, 1))
    axes, side = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    axes.imshow(painted, aspect="auto", interpolation="nearest", extent=(0, width, rows, 0))
    axes.axhline(1, color="white", linewidth=3)
    codes = site.pileup.get("reference", site.planes.get("reference"))
    assert codes is not None
    at = site_column(site, codes)
    span = max(len(site.record.ref), 1)
    axes.axvline(at, color=colour("site"), linewidth=1.2)
    axes.axvline(at + span, color=colour("site"), linewidth=1.2)
    _gaps(axes, site, codes)
    _letters(axes, site, codes, at)
    ticks = [c for c in range(at % 20, width, 20) if codes[c] != REFERENCE_GAP]
    offsets = np.cumsum(codes != REFERENCE_GAP)
    axes.set_xticks(
        [c + 0.5 for c in ticks],
        [f"{site.record.pos + int(offsets[c]) - int(offsets[at]):,}" for c in ticks],
        fontsize=8,
    )
    axes.set_yticks([0.5], ["reference"], fontsize=8)
    for row, read in enumerate(site.reads, 1):
        if read.allele > 0:
            axes.add_patch(_bar(-1.6, row, 1.0))
    axes.set_xlim(-2, width)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    record = site.record
    axes.set_title(
        plain(f"{record.contig}:{record.pos:,}  {record.ref} → {record.alt}", 90),
        loc="left",
        fontsize=13,
        fontweight="bold",
        parse_math=False,
    )
    _numbers(side, site, manifest)
    return figure


def _bar(x: float, y: float, width: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, 0.9, color=colour("alt"), linewidth=0)


def _gaps(axes: Any, site: Site, codes: NDArray[np.uint8]) -> None:
    if not site.reads:
        return
    gap = (site.pileup["bases"][: len(site.reads)] & 31) == READ_GAP
    for name, where in (("deletion", codes != REFERENCE_GAP), ("line", codes == REFERENCE_GAP)):
        row, column = np.nonzero(gap & where)
        style = {"color": colour(name), "linewidth": 1.4 if name == "deletion" else 0.6}
        axes.hlines(row + 1.5, column, column + 1, **style)


def _letters(axes: Any, site: Site, codes: NDArray[np.uint8], at: int) -> None:
    near = range(max(0, at - LETTERS_AROUND), min(len(codes), at + LETTERS_AROUND))
    style = {"ha": "center", "va": "center", "fontsize": 5.5, "family": "monospace"}
    for column in near:
        letter = REFERENCE_LETTERS[codes[column]]
        axes.text(column + 0.5, 0.55, letter.strip(), **style)
        for row in range(len(site.reads)):
            code = int(site.pileup["bases"][row, column]) & 31
            if code < READ_GAP and READ_LETTERS[code] != letter:
                axes.text(column + 0.5, row + 1.55, READ_LETTERS[code], **style)


def _numbers(side: Any, site: Site, manifest: Manifest) -> None:
    side.axis("off")
    lines = [f"{manifest.info_key} = {site.score:z.3f}", manifest.name, ""]
    if len(site.output) == len(manifest.labels) > 1:
        lines += [
            f"{label:<10}{p:.3f}" for label, p in zip(manifest.labels, site.output, strict=True)
        ]
        lines.append("")
    for name, value in zip(manifest.annotations, site.seen, strict=True):
        lines.append(f"{name[:14]:<15}{'.' if np.isnan(value) else format(value, '.4g')}")
    alts = sum(read.allele > 0 for read in site.reads)
    lines += [
        "",
        f"{len(site.reads)} reads, {alts} show ALT",
        "(marked on the left)",
        "",
        f"QUAL {site.record.qual}",
    ]
    if site.label >= 0:
        lines.append("true in the truth set" if site.label else "false call")
    side.text(0, 1, plain_lines(lines), va="top", fontsize=9, family="monospace", parse_math=False)


def plain_lines(lines: list[str]) -> str:
    """Lines without control characters."""
    return "\n".join(plain(line, 40) for line in lines)
