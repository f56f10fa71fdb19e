"""Which reads of a deep site are kept, by a plain reading of docs/reference/encodings.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

MASK = 2**64 - 1
GATK_SEED = 47382911


class JavaRandom:
    """java.util.Random, as its documentation states it."""

    def __init__(self, seed: int) -> None:
        self.state = (seed ^ 0x5DEECE66D) & (2**48 - 1)

    def next31(self) -> int:
        self.state = (self.state * 0x5DEECE66D + 0xB) & (2**48 - 1)
        return self.state >> 17

    def below(self, bound: int) -> int:
        if bound & -bound == bound:
            return (bound * self.next31()) >> 31
        while True:
            bits = self.next31()
            value = bits % bound
            if bits - value + bound - 1 < 2**31:
                return value


def fnv(values: Sequence[int]) -> int:
    hashed = 0xCBF29CE484222325
    for value in values:
        hashed = ((hashed ^ value) * 0x100000001B3) & MASK
    return hashed


def mixed(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    return value ^ (value >> 31)


def site_seed(contig: str, pos: int) -> int:
    return mixed(fnv(contig.encode()) ^ ((pos * 0x9E3779B97F4A7C15) & MASK))


def read_hash(name: str, flag: int) -> int:
    return mixed(fnv([*name.encode(), flag >> 6 & 3]))


T = TypeVar("T")


def reservoir(reads: Sequence[T], limit: int, random: JavaRandom) -> list[T]:
    kept: list[T] = []
    for count, read in enumerate(reads, start=1):
        if count <= limit:
            kept.append(read)
        elif (slot := random.below(count)) < limit:
            kept[slot] = read
    return kept


def bottom_k(reads: Sequence[tuple[str, int, int]], limit: int) -> list[int]:
    """Numbers of the reads (name, flag, position) of the least hashes; of equal ones the first on
    the contig."""
    order = sorted(range(len(reads)), key=lambda i: (read_hash(*reads[i][:2]), reads[i][2]))
    return order[:limit]
