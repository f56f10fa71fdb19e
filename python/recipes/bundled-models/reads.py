"""Templates -> paired reads: where each base comes from, what is read there, how sure it is.

A read is a path through the library's DNA in the order of sequencing. Artefacts (artefact.py)
change fragments, steps of the path, the path itself, or the bases read along it; the profile
(profiles.py) adds qualities and errors last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from genome import COMPLEMENT, LETTERS, Codes, Generator, Template
from profiles import Profile

ADAPTERS = ("AGATCGGAAGAGCACACGTCTGAACTCCAGTCA", "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT")
GUARD = 64
"""Ns between templates, more than any step of a path."""
CHUNK = 8192
"""Fragments made at a time: bounds the memory."""


class Library:
    """All templates end to end, with N between them: `codes`, `origin`, and each one's span."""

    def __init__(self, templates: Sequence[Template]) -> None:
        self.templates = list(templates)
        codes: list[Codes] = [np.full(GUARD, 4, np.uint8)]
        origin: list[NDArray[np.int32]] = [np.full(GUARD, -1, np.int32)]
        self.spans: list[tuple[int, int]] = []
        at = GUARD
        for template in templates:
            self.spans.append((at, at + len(template.codes)))
            codes += [template.codes, np.full(GUARD, 4, np.uint8)]
            origin += [template.origin, np.full(GUARD, -1, np.int32)]
            at += len(template.codes) + GUARD
        self.codes: Codes = np.concatenate(codes)
        self.origin: NDArray[np.int32] = np.concatenate(origin)


@dataclass
class Fragments:
    """Sequenced fragments, n rows: `start` and `length` in the library, `forward` where read 1 is
    on the + strand, `molecule` equal for copies of one molecule."""

    start: NDArray[np.int64]
    length: NDArray[np.int64]
    forward: NDArray[np.bool_]
    molecule: NDArray[np.int64]
    cycles: int
    """Bases that each mate reads."""

    def take(self, rows: NDArray[Any] | slice) -> Fragments:
        """Some of them."""
        return replace(
            self,
            start=self.start[rows],
            length=self.length[rows],
            forward=self.forward[rows],
            molecule=self.molecule[rows],
        )


@dataclass
class Reads:
    """One mate of n fragments, L cycles, all arrays in the order of sequencing."""

    fragments: Fragments
    mate: int
    start: NDArray[np.int64]
    """Library position of the first base, [n]."""
    direction: NDArray[np.int64]
    """+1 or -1, [n]."""
    steps: NDArray[np.int16]
    """From each base to the next along `direction`, [n, L]; 1 but at an indel."""
    path: NDArray[np.int64]
    """Library position of each base, [n, L]."""
    flip: NDArray[np.bool_]
    """Whether a base is read from the - strand, [n, L]."""
    site: NDArray[np.int32]
    """Reference position of each base, -1 for none, [n, L]."""
    bases: Codes
    """[n, L]."""
    penalty: NDArray[np.int16]
    """Taken off the stated quality, [n, L]."""


class Artefact(Protocol):
    """What the read maker asks of an artefact; see artefact.py."""

    thins: bool

    def weights(self, template: Template) -> NDArray[np.float64] | None:
        """Relative depth along a template, or None."""

    def fragments(self, rng: Generator, fragments: Fragments, library: Library) -> Fragments:
        """The fragments that are sequenced in place of these."""

    def steps(self, rng: Generator, reads: Reads, library: Library) -> None:
        """Change `reads.steps`; `reads.path` is that of reads without indels."""

    def paths(self, rng: Generator, reads: Reads, library: Library) -> None:
        """Change `reads.path` and `reads.flip`."""

    def bases(self, rng: Generator, reads: Reads, library: Library) -> None:
        """Change `reads.bases` and `reads.penalty`."""


def chance(a: NDArray[Any], b: NDArray[Any], seed: int) -> NDArray[np.float64]:
    """Numbers in [0, 1) that depend on (a, b, seed) alone: equal events for equal molecules."""
    mixed = (
        a.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        + b.astype(np.int64).astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
        + np.uint64(seed * 0x165667B19E3779F9 % (1 << 64))
    )
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def draw_fragments(
    rng: Generator,
    library: Library,
    *,
    depth: float,
    ploidy: int,
    read_length: int,
    insert: tuple[float, float],
    artefacts: Sequence[Artefact],
) -> Fragments:
    """Fragments for a mean depth over the reference; `insert` is (mean, sd) of their length."""
    parts = []
    for (start, end), template in zip(library.spans, library.templates, strict=True):
        length = end - start
        weight, left = np.ones(length), 1.0
        for artefact in artefacts:
            along = artefact.weights(template)
            if along is not None:
                weight *= along
                left *= float(along.mean()) if artefact.thins else 1.0
        per_copy = depth / ploidy * left * length / (2 * read_length)
        n = rng.poisson(per_copy * template.copy_number)
        cumulative = np.cumsum(weight)
        at = np.searchsorted(cumulative, rng.random(n) * cumulative[-1]) + start
        size = np.maximum(rng.normal(insert[0], insert[1], n), 60).astype(np.int64)
        size = np.minimum(size, length)
        begin = at - size // 2
        inside = (begin >= start) & (begin + size <= end)
        inside &= library.codes[np.clip(at, start, end - 1)] < 4
        parts.append((begin[inside], size[inside]))
    begins, sizes = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = rng.permutation(len(begins))
    plus = rng.random(len(order)) < 0.5
    fragments = Fragments(begins[order], sizes[order], plus, np.arange(len(order)), read_length)
    for artefact in artefacts:
        fragments = artefact.fragments(rng, fragments, library)
    return fragments


def make_mate(
    rng: Generator,
    library: Library,
    fragments: Fragments,
    mate: int,
    profile: Profile,
    artefacts: Sequence[Artefact],
) -> tuple[Codes, NDArray[np.uint8]]:
    """Bases (codes) and stated qualities of one mate, [n, L] each."""
    n, length = len(fragments.start), profile.read_length
    plus = fragments.forward == (mate == 0)
    direction = np.where(plus, 1, -1).astype(np.int64)
    start = np.where(plus, fragments.start, fragments.start + fragments.length - 1)
    steps = np.ones((n, length), np.int16)
    steps[:, 0] = 0
    last = len(library.codes) - 1

    def walk() -> NDArray[np.int64]:
        along = np.cumsum(steps, axis=1, dtype=np.int64)
        along *= direction[:, None]
        along += start[:, None]
        return np.clip(along, 0, last, out=along)

    path = walk()
    reads = Reads(
        fragments,
        mate,
        start,
        direction,
        steps,
        path,
        np.repeat(~plus[:, None], length, 1),
        np.empty((0, 0), np.int32),
        np.empty((0, 0), np.uint8),
        np.zeros((n, length), np.int16),
    )
    for artefact in artefacts:
        artefact.steps(rng, reads, library)
    inserted = machine_indels(rng, reads.steps, profile.indels)
    reads.path = walk()
    for artefact in artefacts:
        artefact.paths(rng, reads, library)
    forward = library.codes[reads.path]
    reads.bases = np.where(reads.flip, COMPLEMENT[forward], forward)
    reads.bases[inserted] = rng.integers(0, 4, len(inserted[0]), np.uint8)
    reads.site = library.origin[reads.path]
    for artefact in artefacts:
        artefact.bases(rng, reads, library)
    read_into_adapter(reads)
    return sequence(rng, reads, profile)


def machine_indels(
    rng: Generator, steps: NDArray[np.int16], rate: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Insert and skip bases at random; returns the positions of the inserted ones."""
    n, length = steps.shape
    count = rng.poisson(rate * n * length)
    rows, columns = rng.integers(0, n, count), rng.integers(1, length, count)
    plain = steps[rows, columns] == 1
    rows, columns = rows[plain], columns[plain]
    insertion = rng.random(len(rows)) < 0.4
    steps[rows, columns] = np.where(insertion, 0, 1 + rng.geometric(0.7, len(rows)))
    return rows[insertion], columns[insertion]


def read_into_adapter(reads: Reads) -> None:
    """Behind a fragment shorter than the read comes the adapter."""
    length = reads.bases.shape[1]
    short = np.flatnonzero(reads.fragments.length < length)
    if len(short) == 0:
        return
    adapter = "ACGT".index
    codes = np.array([adapter(letter) for letter in ADAPTERS[reads.mate]], np.uint8)
    behind = np.arange(length)[None] - reads.fragments.length[short][:, None]
    # Behind the adapter there is nothing: the machine reads A without confidence.
    filled = np.where(behind < len(codes), codes[np.clip(behind, 0, len(codes) - 1)], 0)
    rows = reads.bases[short]
    reads.bases[short] = np.where(behind >= 0, filled, rows)
    reads.site[short] = np.where(behind >= 0, -1, reads.site[short])


def sequence(rng: Generator, reads: Reads, profile: Profile) -> tuple[Codes, NDArray[np.uint8]]:
    """Qualities and the errors that go with them."""
    n, length = reads.bases.shape
    quality = profile.qualities(rng, n, reads.mate)
    quality = np.clip(quality - reads.penalty, 2, 45)
    rate = np.power(10.0, np.arange(64) / -10.0).astype(np.float32) * profile.scale
    rate = np.minimum(rate, 0.5)
    worse = np.where(rng.random(n) < profile.bad_reads, 10.0, 1.0).astype(np.float32)
    wrong = rng.random((n, length), np.float32) < rate[quality] * worse[:, None]
    bases = reads.bases
    wrong &= bases < 4
    bases[wrong] = profile.misread(rng, bases[wrong])
    stated = profile.binned(quality)
    stated[bases == 4] = 2
    return bases, stated


def write_fastq(
    files: tuple[IO[bytes], IO[bytes]],
    rng: Generator,
    library: Library,
    fragments: Fragments,
    profile: Profile,
    artefacts: Sequence[Artefact],
) -> int:
    """Sequence all fragments into two FASTQ streams; returns how many."""
    for first, part in chunks(fragments):
        for mate, file in enumerate(files):
            bases, quality = make_mate(rng, library, part, mate, profile, artefacts)
            text, scores = LETTERS[bases], quality + 33
            file.write(
                b"".join(
                    b"@r%d\n%b\n+\n%b\n" % (first + i, text[i].tobytes(), scores[i].tobytes())
                    for i in range(len(text))
                )
            )
    return len(fragments.start)


def chunks(fragments: Fragments) -> Iterator[tuple[int, Fragments]]:
    """Fragments in parts that fit into memory, each with the number of its first."""
    for first in range(0, len(fragments.start), CHUNK):
        yield first, fragments.take(slice(first, first + CHUNK))
