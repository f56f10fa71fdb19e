"""The worst mistakes of a result -> a BED, and a session in which IGV shows them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from cnnscore.description import VARIANT_TYPES
from cnnscore.errors import BadInput

BED_NAME, SESSION_NAME = "mistakes.bed", "igv_session.xml"
CONTEXT = 100
"""Bases that a region of the session shows on either side of a mistake."""
LONGEST = 24
"""Letters of an allele in the name of a mistake."""
LABELS = {"false": "FP", "true": "FN"}
_COLOURS = {"FP": "213,94,0", "FN": "0,114,178"}
_READS = {".bam": "bam", ".cram": "cram", ".sam": "sam"}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SESSION_VERSION = "8"


@dataclass(frozen=True)
class Mistake:
    """A call that a score gets wrong; `pos` is 1-based, as in the call file."""

    file: str
    score: str
    type: str
    label: str
    """FP: a false call that scores high; FN: a true one that scores low, which a cut-off drops."""
    contig: str
    pos: int
    ref: str
    alt: str
    value: float


def mistakes(result: Mapping[str, Any]) -> Iterator[Mistake]:
    """The worst mistakes of each score, SNPs and indels apart, in the order of the report."""
    for score in result["scores"]:
        if score["type"] not in VARIANT_TYPES:
            continue
        for kind, label in LABELS.items():
            for one in score["mistakes"][kind]:
                yield Mistake(
                    file=score["file"],
                    score=score["name"],
                    type=score["type"],
                    label=label,
                    contig=one["contig"],
                    pos=int(one["pos"]),
                    ref=one["ref"],
                    alt=one["alt"],
                    value=float(one["score"]),
                )


@dataclass(frozen=True)
class _Place:
    """A record that one score or several get wrong; 0-based, half-open."""

    contig: str
    start: int
    end: int
    label: str
    name: str


def _places(result: Mapping[str, Any]) -> list[_Place]:
    """One per record and label, the worst first, with all the scores that are wrong there."""
    scores: dict[tuple[str, int, str, str, str], list[str]] = {}
    for one in mistakes(result):
        at = (one.contig, one.pos, one.ref, one.alt, one.label)
        scores.setdefault(at, []).append(f"{one.score}={one.value:.4g}")
    return [
        _Place(
            _NOT_XML.sub("?", contig),
            pos - 1,
            pos - 1 + max(len(ref), 1),
            label,
            # No blanks: IGV takes them for the end of a column.
            _NOT_XML.sub(
                "?", re.sub(r"\s", "_", ";".join([label, f"{_short(ref)}>{_short(alt)}", *values]))
            ),
        )
        for (contig, pos, ref, alt, label), values in scores.items()
    ]


def _short(alleles: str) -> str:
    return alleles if len(alleles) <= LONGEST else f"{alleles[:LONGEST]}..."


def mistakes_bed(result: Mapping[str, Any]) -> str:
    """BED of nine columns, by contig and position: the REF of each record; as its name FP or FN,
    the alleles and the scores; a colour for FP and one for FN.
    """
    lines = ['track name="worst mistakes" itemRgb="On"']
    for place in sorted(_places(result), key=lambda place: (place.contig, place.start)):
        span = f"{place.start}\t{place.end}"
        lines.append(f"{place.contig}\t{span}\t{place.name}\t0\t.\t{span}\t{_COLOURS[place.label]}")
    return "\n".join(lines) + "\n"


def check_reads(paths: Sequence[str]) -> None:
    """Errors: BadInput for reads that are not there, or as of `check_names`."""
    check_names(paths)
    for path in paths:
        file = path.partition("##idx##")[0]
        if not _is_address(file) and not Path(file).exists():
            raise BadInput(f"cannot read {file}: there is no such file")


def check_names(paths: Sequence[str]) -> None:
    """Errors: BadInput for a file whose name XML cannot hold."""
    for path in paths:
        if _NOT_XML.search(path):
            raise BadInput(
                f"an IGV session cannot name the file {path!r}: XML forbids letters of it; give it "
                "by a link of another name"
            )


def session(
    result: Mapping[str, Any], folder: Path, reads: Sequence[str] = (), beside: Sequence[str] = ()
) -> str:
    """An IGV session that lies in `folder`: the reference, the mistakes, the calls, the truth set,
    the confident regions and `reads`; `beside` are names of further files in the folder. Files are
    named relative to the folder, addresses as they are. The regions are the mistakes, worst first.

    Errors: BadInput as of `check_names`.
    """
    inputs = result["inputs"]
    given = [*(calls["path"] for calls in inputs["calls"]), inputs["truth"], inputs["confident"]]
    # IGV does not read BCF of our time; compared.vcf.gz has its calls.
    tracks = [path for path in given if path and not path.endswith(".bcf")]
    check_names([path for path in (inputs["reference"], *given, *reads) if path])
    root = ElementTree.Element("Session", version=_SESSION_VERSION)
    if inputs["reference"]:
        root.set("genome", _from(folder, inputs["reference"]))
    places = _places(result)
    if places:
        root.set("locus", _locus(places[0]))
    resources = ElementTree.SubElement(root, "Resources")
    for name in (BED_NAME, *beside):
        ElementTree.SubElement(resources, "Resource", path=name)
    for path in tracks:
        ElementTree.SubElement(resources, "Resource", path=_from(folder, path))
    for path in reads:
        file, _, index = path.partition("##idx##")
        resource = ElementTree.SubElement(resources, "Resource", path=_from(folder, file))
        if kind := _READS.get(Path(file).suffix):
            resource.set("type", kind)
        if index:
            resource.set("index", _from(folder, index))
    regions = ElementTree.SubElement(root, "Regions")
    for place in places:
        ElementTree.SubElement(
            regions,
            "Region",
            chromosome=place.contig,
            start=str(max(place.start - CONTEXT, 0)),
            end=str(place.end + CONTEXT),
            description=place.name,
        )
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _locus(place: _Place) -> str:
    return f"{place.contig}:{max(place.start - CONTEXT, 0) + 1}-{place.end + CONTEXT}"


def _is_address(path: str) -> bool:
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path) is not None


def _from(folder: Path, path: str) -> str:
    """The name of a file as seen from the folder; an address as it is."""
    if _is_address(path):
        return path
    # The name itself is kept where it is a link: its index lies beside it.
    file = Path(path)
    return str(Path(os.path.relpath(file.parent.resolve(), folder.resolve()), file.name))
