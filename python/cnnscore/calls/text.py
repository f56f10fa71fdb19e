"""Texts of many rows as two arrays, and those of site columns: nothing is done row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, offsets_of, spans


@dataclass(frozen=True, eq=False)
class Text:
    """A column of N texts in UTF-8."""

    offsets: NDArray[np.int64]
    """[N+1] where each text begins in `data`, and where the last ends."""
    data: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def cut(
        cls, data: NDArray[np.uint8], begin: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> Text:
        """The texts that stand at `begin` in `data`."""
        return cls(offsets_of(lengths), data[spans(begin, lengths)])

    @classmethod
    def join(cls, parts: Sequence[Text]) -> Text:
        """The texts of several columns, one after another; bytes that are no UTF-8 replaced."""
        lengths = [np.diff(part.offsets) for part in parts]
        data = np.concatenate([np.zeros(0, np.uint8), *(part.data for part in parts)])
        whole = cls(offsets_of(np.concatenate([np.zeros(0, np.int64), *lengths])), data)
        try:
            data.tobytes().decode()
        except UnicodeDecodeError:
            return cls.of([text.decode("utf-8", "replace") for text in whole._bytes()])
        return whole

    @classmethod
    def of(cls, texts: Sequence[str]) -> Text:
        """A column of these."""
        encoded = [text.encode("utf-8", "replace") for text in texts]
        data = np.frombuffer(b"".join(encoded), np.uint8)
        return cls(offsets_of([len(text) for text in encoded]), data)

    def strings(self) -> NDArray[np.object_]:
        """[N] them as str."""
        column = np.empty(len(self), object)
        content = self.data.tobytes()
        if content.isascii():
            text = content.decode("ascii")
            column[:] = [text[begin:end] for begin, end in pairwise(self.offsets.tolist())]
        else:
            column[:] = [text.decode() for text in self._bytes()]
        return column

    def _bytes(self) -> list[bytes]:
        content = self.data.tobytes()
        return [content[begin:end] for begin, end in pairwise(self.offsets.tolist())]


def contig_names(sites: WindowBatch) -> Text:
    """[N] the contig of each site."""
    begin = sites.contig_offset[sites.contig]
    return Text.cut(sites.contig_names, begin, sites.contig_offset[sites.contig + 1] - begin)


def ref_alleles(sites: WindowBatch) -> Text:
    """[N] REF of each site."""
    first = sites.site_allele[:-1]
    begin = sites.allele_offset[first]
    return Text.cut(sites.alleles, begin, sites.allele_offset[first + 1] - begin)


def alt_alleles(sites: WindowBatch) -> Text:
    """Every ALT allele by itself, in order."""
    begin, lengths, _ = _alts(sites)
    return Text.cut(sites.alleles, begin, lengths)


def joined_alts(sites: WindowBatch) -> Text:
    """[N] ALT of each site as VCF writes it: with commas, `.` where there is none."""
    begin, lengths, counts = _alts(sites)
    # A comma behind each, `.` for none; then the last comma of each site goes.
    data = np.full(int(lengths.sum()) + len(lengths) + 2 * np.count_nonzero(counts == 0), ord(","))
    data = data.astype(np.uint8)
    site = np.repeat(np.arange(len(sites)), counts)
    per_site = np.bincount(site, lengths + 1, len(sites)).astype(np.int64)
    none = counts == 0
    per_site[none] = 2
    offsets = offsets_of(per_site)
    data[offsets[:-1][none]] = ord(".")
    behind = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths + 1)])[:-1]
    first = np.cumsum(counts) - counts  # the first item of each site
    within = (
        behind - np.repeat(behind[np.minimum(first, len(behind) - 1)], counts)
        if len(behind)
        else behind
    )
    data[spans(offsets[:-1][site] + within, lengths)] = sites.alleles[spans(begin, lengths)]
    keep = np.ones(len(data), bool)
    keep[offsets[1:] - 1] = False
    return Text(offsets_of(per_site - 1), data[keep])


def _alts(sites: WindowBatch) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Begins and lengths of all ALT alleles, and their number at each site."""
    is_alt = sites.is_alt
    lengths = np.diff(sites.allele_offset)[is_alt]
    return sites.allele_offset[:-1][is_alt], lengths, np.diff(sites.site_allele) - 1
