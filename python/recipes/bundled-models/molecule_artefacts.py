"""Artefacts of molecules and of their reading: damage, slips, context errors, chimeras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artefact import Artefact, draw_loci, locus_rates
from genome import COMPLEMENT, EDGE, Codes, Generator, Individual, repeat_spans
from reads import Library, Reads, chance


class ContextErrors(Artefact):
    """Substitutions (and some deletions) that follow a motif on one strand, as behind GGC.

    One to four motifs of three bases; at each locus a rate and a wrong base of its own. The stated
    quality knows of it, a little or not at all; errors may grow with the cycle.
    """

    family = "context"

    def prepare(self, rng: Generator, individual: Individual) -> None:
        reference = individual.reference
        length = len(reference)
        self.rate = np.zeros((2, length + 1), np.float32)  # the last one serves site -1
        self.wrong = np.zeros((2, length + 1), np.uint8)
        self.drop = np.zeros((2, length + 1), np.float32)
        self.penalty = int(rng.choice([0, 0, 5, 12]))
        self.late = bool(rng.random() < 0.4)
        motifs = [rng.integers(0, 4, 3) for _ in range(int(rng.integers(1, 5)))]
        if rng.random() < 0.5:
            motifs.append(np.array([2, 2, 1]))  # GGC
        for strand in range(2):
            found = np.zeros(length, np.bool_)
            for motif in motifs:
                found |= behind(reference, motif, strand)
            found[:EDGE] = found[-EDGE:] = False
            n = int(length / 450 * self.strength)
            loci = draw_loci(rng, np.flatnonzero(found), n)
            self.rate[strand, loci] = locus_rates(rng, len(loci), self.strength)
            true = reference[loci] if strand == 0 else COMPLEMENT[reference[loci]]
            self.wrong[strand, loci] = (true + rng.integers(1, 4, len(loci))) % 4
            gone = loci[rng.random(len(loci)) < 0.2]
            self.drop[strand, gone] = self.rate[strand, gone] * 0.6
            self.rate[strand, gone] = 0

    def steps(self, rng: Generator, reads: Reads, library: Library) -> None:
        strand = (reads.direction < 0).astype(np.int64)[:, None]
        site = library.origin[reads.path]
        rate = self.drop[strand, site]
        rows, columns = np.nonzero(rate)
        hit = (rng.random(len(rows)) < rate[rows, columns]) & (columns > 0)
        rows, columns = rows[hit], columns[hit]
        reads.steps[rows, columns] = np.where(reads.steps[rows, columns] == 1, 2, 1)

    def bases(self, rng: Generator, reads: Reads, library: Library) -> None:
        strand = reads.flip.astype(np.int64)
        rate = self.rate[strand, reads.site]
        rows, columns = np.nonzero(rate)
        allowed = rate[rows, columns]
        if self.late:
            allowed = allowed * 2 * columns / reads.bases.shape[1]
        hit = rng.random(len(rows)) < allowed
        reads.penalty[rows, columns] += self.penalty
        rows, columns = rows[hit], columns[hit]
        reads.bases[rows, columns] = self.wrong[strand[rows, columns], reads.site[rows, columns]]


def behind(reference: Codes, motif: NDArray[np.int64], strand: int) -> NDArray[np.bool_]:
    """Where the three bases before a position, as read on a strand, are the motif."""
    found = np.zeros(len(reference), np.bool_)
    if strand == 0:
        same = [reference[i : len(reference) - 3 + i] == motif[i] for i in range(3)]
        found[3:] = same[0] & same[1] & same[2]
    else:
        back = COMPLEMENT[motif]
        same = [reference[3 - i : len(reference) - i] == back[i] for i in range(3)]
        found[:-3] = same[0] & same[1] & same[2]
    return found


class Stutter(Artefact):
    """Homopolymers and short repeats that lose or gain units, more often the longer they are.

    Of the molecule (PCR: both mates and all copies agree) or of the machine (each read by itself,
    perhaps on one strand more). Every repeat has a factor of its own.
    """

    family = "stutter"

    def prepare(self, rng: Generator, individual: Individual) -> None:
        self.base = float(np.exp(rng.uniform(np.log(0.015), np.log(0.12)))) * self.strength
        self.growth = rng.uniform(0.12, 0.3)
        self.shrinks = rng.uniform(0.35, 0.85)
        self.machine = bool(rng.random() < 0.4)
        self.strand_factor = (1.0, float(rng.choice([1.0, 0.3, 0.05]))) if self.machine else (1, 1)
        self.spread = rng.uniform(0.4, 1.2)
        self.cache: tuple[Library, NDArray[np.int32], RepeatTable] | None = None

    def _tables(self, library: Library) -> tuple[NDArray[np.int32], RepeatTable]:
        if self.cache is None or self.cache[0] is not library:
            enter, table = find_repeats(library)
            units = (table.length - table.unit) / table.unit
            locus = np.where(table.origin >= 0, table.origin, 0)
            factor = np.exp(self.spread * (2 * chance(locus, table.unit, self.seed) - 1) * 1.7)
            rate = self.base * np.exp(self.growth * (units - 5)) * factor / np.sqrt(table.unit)
            table.rate = np.minimum(rate, 0.6)
            self.cache = (library, enter, table)
        return self.cache[1], self.cache[2]

    def steps(self, rng: Generator, reads: Reads, library: Library) -> None:
        enter, table = self._tables(library)
        side = (reads.direction < 0).astype(np.int64)[:, None]
        entered = enter[side, reads.path]
        rows, columns = np.nonzero(entered)
        which = entered[rows, columns]
        molecule = reads.fragments.molecule[rows]
        if self.machine:
            molecule = molecule * 2 + reads.mate
        rate = table.rate[which] * np.array(self.strand_factor)[side[rows, 0]]
        locus = table.origin[which]
        hit = (chance(molecule, locus, self.seed + 1) < rate) & (columns > 0)
        rows, columns, which, locus = rows[hit], columns[hit], which[hit], locus[hit]
        rows, first = np.unique(rows, return_index=True)  # one slip a read
        columns, which = columns[first], which[first]
        drawn = chance(reads.fragments.molecule[rows], locus[first], self.seed + 2)
        shorter = (drawn < self.shrinks) & (table.length[which] >= 3 * table.unit[which])
        size = table.unit[which].astype(np.int16)
        reads.steps[rows, columns] = np.where(shorter, 1 + size, 1 - size)


@dataclass
class RepeatTable:
    """Repeats of a library by number (0 is none): unit, length, reference position, rate."""

    unit: NDArray[np.int64]
    length: NDArray[np.int64]
    origin: NDArray[np.int64]
    rate: NDArray[np.float64]


def find_repeats(library: Library) -> tuple[NDArray[np.int32], RepeatTable]:
    """The repeats, and for each strand the position one unit inside, where a read may slip."""
    enter = np.zeros((2, len(library.codes)), np.int32)
    rows = [(1, 0, -1)]
    for unit, least in ((6, 18), (5, 15), (4, 12), (3, 9), (2, 8), (1, 5)):
        for start, end in repeat_spans(library.codes, unit, least):
            if not primitive(library.codes[start : start + unit]):
                continue
            enter[0, start + unit] = enter[1, end - 1 - unit] = len(rows)
            rows.append((unit, end - start, int(library.origin[start])))
    unit_, length, origin = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    return enter, RepeatTable(unit_, length, origin, np.zeros(len(rows)))


def primitive(unit: Codes) -> bool:
    """Whether a repeat unit is not itself a repeat of a shorter one."""
    return not any(
        len(unit) % part == 0 and (unit == np.resize(unit[:part], len(unit))).all()
        for part in range(1, len(unit))
    )


class Damage(Artefact):
    """Bases that were damaged before sequencing; both mates and all copies of a molecule agree.

    `true` becomes `read` as sequenced in read 1, and their complements in read 2. A background
    rate everywhere, rates of their own at hot loci; `end_decay` raises it towards fragment ends.
    """

    true, read = 2, 3
    context: tuple[int | None, int | None] = (None, None)
    both_mates = False

    def prepare(self, rng: Generator, individual: Individual) -> None:
        reference = individual.reference
        length = len(reference)
        self.background = float(np.exp(rng.uniform(np.log(1e-4), np.log(6e-3)))) * self.strength
        self.end_decay = float(rng.choice([0.0, 0.0, 5.0, 15.0])) if self.both_mates else 0.0
        self.rate = np.zeros((2, length + 1), np.float32)
        self.strand_free = self.both_mates and bool(rng.random() < 0.5)
        for strand, true in enumerate((self.true, 3 - self.true)):
            candidates = reference == true
            candidates[:EDGE] = candidates[-EDGE:] = False
            step = 1 if strand == 0 else -1
            for offset, base in ((-1, self.context[0]), (1, self.context[1])):
                if base is not None and rng.random() < 0.7:
                    wanted = base if strand == 0 else 3 - base
                    candidates &= np.roll(reference, -offset * step) == wanted
            loci = draw_loci(rng, np.flatnonzero(candidates), int(length / 500 * self.strength))
            self.rate[strand, candidates.nonzero()[0]] = self.background
            self.rate[strand, loci] = locus_rates(rng, len(loci), self.strength) * 0.8

    def bases(self, rng: Generator, reads: Reads, library: Library) -> None:
        # The strand of the molecule that is damaged: the one that read 1 shows.
        plus = reads.fragments.forward
        if self.strand_free:
            plus = chance(reads.fragments.molecule, reads.fragments.molecule, self.seed) < 0.5
        strand = np.where(plus, 0, 1)[:, None]
        # Rates are for the reference base `true` on that strand; what is read now must be it.
        forward = np.where(reads.flip, COMPLEMENT[reads.bases], reads.bases)
        expected = np.where(plus, self.true, 3 - self.true)[:, None]
        rate = self.rate[strand, reads.site]
        if self.end_decay:
            near = np.exp(-np.arange(rate.shape[1]) / self.end_decay).astype(np.float32)
            rate = rate * 0.5 + (rate > 0) * near[None] * np.float32(0.15 * self.strength)
        rows, columns = np.nonzero((rate > 0) & (forward == expected))
        drawn = chance(reads.fragments.molecule[rows], reads.site[rows, columns], self.seed + 1)
        hit = drawn < rate[rows, columns]
        rows, columns = rows[hit], columns[hit]
        damaged = np.where(plus[rows], self.read, 3 - self.read).astype(np.uint8)
        flipped = reads.flip[rows, columns]
        reads.bases[rows, columns] = np.where(flipped, 3 - damaged, damaged)


class Oxidation(Damage):
    """8-oxoguanine from shearing: G read as T in read 1, C as A in read 2, above all in CCG."""

    family = "oxidation"
    true, read = 2, 3
    context = (1, None)


class Deamination(Damage):
    """Cytosine read as thymine, as in fixed (FFPE) tissue and, towards the ends, old DNA."""

    family = "deamination"
    true, read = 1, 3
    context = (None, 2)
    both_mates = True


class Chimera(Artefact):
    """Reads whose rest comes from elsewhere: clipped ends, and mismatches where too short to clip.

    A share of all reads breaks anywhere. At recurrent loci it is always the same break: reads of
    one direction fold back onto their own complement (as enzymatic fragmentation makes them), go
    on at one other locus, or skip or repeat up to 60 bases (template switching). At some, only
    reads break that end within 16 bases: too short a rest to be clipped. Breaks waver by a few
    bases.
    """

    family = "chimera"

    def prepare(self, rng: Generator, individual: Individual) -> None:
        length = len(individual.reference)
        self.anywhere = rng.uniform(0.002, 0.04) * self.strength
        self.waver = int(rng.choice([0, 0, 1, 3]))
        n = max(2, int(length / 250 * self.strength))
        loci = rng.integers(EDGE, length - EDGE, n)
        self.number = np.zeros((2, length + 1), np.int32)
        self.number[rng.integers(0, 2, n), loci] = np.arange(1, n + 1)
        self.rate = np.append(0, locus_rates(rng, n, self.strength))
        kinds = np.array(["fold", "jump", "skip"])
        self.kind = np.append("", rng.choice(kinds, n, p=[0.35, 0.2, 0.45]))
        self.short = np.append(False, (rng.random(n) < 0.5) & (self.kind[1:] != "skip"))
        # A fold comes back this many bases beside the break; a skip leaves out or repeats them.
        self.offset = np.append(0, rng.integers(-5, 60, n))
        self.skip = np.append(0, rng.integers(2, 60, n) * rng.choice([-1, 1], n))
        self.elsewhere = np.append(0.0, rng.random(n))

    def paths(self, rng: Generator, reads: Reads, library: Library) -> None:
        n, length = reads.path.shape
        strand = (reads.direction < 0).astype(np.int64)[:, None]
        number = self.number[strand, library.origin[reads.path]]
        rows, columns = np.nonzero(number)
        which = number[rows, columns]
        hit = rng.random(len(rows)) < np.where(self.short[which], 0.9, self.rate[which])
        hit &= (columns > 0) & (~self.short[which] | (columns > length - 16))
        rows, columns, which = rows[hit], columns[hit], which[hit]
        rows, first = np.unique(rows, return_index=True)
        columns, which = columns[first], which[first]
        if self.waver:
            columns = np.maximum(columns + rng.integers(0, self.waver + 1, len(rows)), 1)
        random_rows = np.setdiff1d(np.flatnonzero(rng.random(n) < self.anywhere), rows)
        rows = np.concatenate([rows, random_rows])
        columns = np.concatenate([columns, rng.integers(5, length - 5, len(random_rows))])
        which = np.concatenate([which, np.zeros(len(random_rows), which.dtype)])
        for row, column, locus in zip(rows, columns, which, strict=True):
            if column >= length:
                continue
            rest = np.arange(length - column)
            kind = self.kind[locus] if locus else rng.choice(["fold", "jump"])
            fraction = self.elsewhere[locus] if locus else rng.random()
            if kind == "fold":
                back = int(self.offset[locus]) if locus else int(rng.integers(-5, 60))
                begin = reads.path[row, column - 1] - reads.direction[row] * back
                step = -reads.direction[row]
                reads.flip[row, column:] = ~reads.flip[row, column:]
            elif kind == "skip":
                begin = reads.path[row, column - 1] + reads.direction[row] * self.skip[locus]
                step = reads.direction[row]
            else:
                start, end = library.spans[0]
                begin = start + int(fraction * (end - start))
                step = reads.direction[row]
            path = begin + step * rest
            reads.path[row, column:] = np.clip(path, 0, len(library.codes) - 1)
