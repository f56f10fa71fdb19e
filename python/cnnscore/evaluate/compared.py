"""What was compared -> a VCF with one line per normalised allele: TP, FP or FN."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import WindowBatch, offsets_of
from cnnscore.calls.output import OutputOptions, copy_calls, index_for
from cnnscore.calls.records import Calls
from cnnscore.evaluate.filters import GENOTYPE
from cnnscore.truth.labels import TRUE, Labels
from cnnscore.truth.truth_set import TruthSet

_INFO = (
    ('LABEL', "1", "String", "TP: in the truth set; FP: not; FN: in the truth set and not called"),
    ("TYPE", "1", "String", "SNP or INDEL"),
    ("CALL", ".", "String", "The record it comes from, CONTIG:POS:REF:ALT as in the call file"),
)  # fmt: skip

_IN_FILTERS = "/:+@()[];"
"""What stays as it is in the names of filters; else they are percent-encoded."""


class Lines:
    """The lines of a file's compared alleles, in memory as bytes: about 80 bytes each."""

    def __init__(self, scores: Sequence[str]) -> None:
        self._scores = list(scores)
        self._keys = [_info_key(name) for name in scores]
        self._blobs: list[bytes] = []
        self._ends: list[NDArray[np.int64]] = [np.zeros(1, np.int64)]
        self._contig: list[NDArray[np.int64]] = []
        self._pos: list[NDArray[np.int64]] = []
        self._names: dict[int, tuple[str, int]] = {}
        self._filters: set[str] = set()
        self._count = 0
        self._samples = False  # whether each line says of which sample it is

    @classmethod
    def joined(cls, parts: Sequence[Lines], samples: Sequence[str]) -> Lines:
        """The lines of several samples, in this order; each says whose it is."""
        whole = cls(parts[0]._scores)
        whole._samples = True
        for part, sample in zip(parts, samples, strict=True):
            whole._names |= part._names
            whole._filters |= part._filters
            # Lines end in INFO, whose values have no `;`, `=`, `,` and blanks.
            end = f";SAMPLE={quote(sample, safe='/:+@()[]')}\n".encode()
            lines = [line.rstrip(b"\n") + end for line in part._each()]
            if part._count:
                whole._add(lines, np.concatenate(part._contig), np.concatenate(part._pos))
        return whole

    def _each(self) -> Iterator[bytes]:
        return (line for blob in self._blobs for line in blob.splitlines(keepends=True))

    def __len__(self) -> int:
        return self._count

    def add_calls(
        self,
        sites: WindowBatch,
        names: list[bytes],
        contig: NDArray[np.int64],
        labels: Labels,
        part: NDArray[np.int64],
        values: dict[str, NDArray[np.float64]],
        failed: NDArray[np.int32],
        filters: Sequence[str],
    ) -> None:
        """Lines of the normalised alleles `part`; `contig` maps the batch's contigs to ours, and
        `failed` is the index into `filters`, texts of FILTER, of each site.
        """
        alleles = labels.alleles
        texts = [name.decode("utf-8", "replace") for name in names]
        for index, text, length in zip(contig.tolist(), texts, sites.contig_length, strict=True):
            self._names[index] = (text, int(length))
        own = sites.alleles.tobytes().decode("ascii", "replace")
        own_at, first = sites.allele_offset.tolist(), sites.site_allele.tolist()
        site_pos = sites.pos.tolist()
        text = alleles.text.tobytes().decode("ascii", "replace")
        offset, ref_length = alleles.offset.tolist(), alleles.ref_length.tolist()
        is_snp, pos = alleles.is_snp.tolist(), alleles.pos.tolist()
        true = (labels.part == TRUE).tolist()
        rows, in_site = alleles.row.tolist(), alleles.site.tolist()
        in_contig = alleles.contig.tolist()
        columns = [
            (key, values[name].tolist()) for key, name in zip(self._keys, self._scores, strict=True)
        ]
        encoded = [quote(text, safe=_IN_FILTERS) for text in filters]
        self._filters.update(name for names in encoded for name in names.split(";"))
        failing = failed.tolist()
        lines, call, last_site = [], "", -1
        for i in part.tolist():
            site, name = in_site[i], texts[in_contig[i]]
            if site != last_site:
                begin, end = first[site], first[site + 1]
                refs_alts = [own[own_at[a] : own_at[a + 1]] for a in range(begin, end)]
                call = f"{name}:{site_pos[site] + 1}:{refs_alts[0]}:{','.join(refs_alts[1:])}"
                last_site = site
            cut = offset[i] + ref_length[i]
            fields = "".join(
                f";{key}={value:.6g}"
                for key, column in columns
                if not math.isnan(value := column[rows[i]])
            )
            lines.append(
                f"{name}\t{pos[i] + 1}\t.\t{text[offset[i] : cut]}\t"
                f"{text[cut : offset[i + 1]]}\t.\t{encoded[failing[site]]}\t"
                f"LABEL={'TP' if true[i] else 'FP'};TYPE={'SNP' if is_snp[i] else 'INDEL'};"
                f"CALL={call}{fields}\n".encode()
            )
        self._add(lines, contig[alleles.contig[part]], alleles.pos[part])

    def add_missed(
        self, truth: TruthSet, missed: NDArray[np.int64], known: dict[bytes, int]
    ) -> None:
        """Lines of truth alleles that no call has."""
        contig = np.array([known.setdefault(name, len(known)) for name in truth.names], np.int64)
        for bare, index, length in zip(truth.names, contig.tolist(), truth.lengths, strict=True):
            self._names.setdefault(index, (bare.decode("utf-8", "replace"), int(length)))
        lines = []
        for i, variant_type in zip(missed.tolist(), truth.type[missed].tolist(), strict=True):
            ref, alt = truth.ref_alt(i)
            name = self._names[int(contig[truth.contig[i]])][0]
            lines.append(
                f"{name}\t{truth.pos[i] + 1}\t.\t{ref}\t{alt}\t.\t.\t"
                f"LABEL=FN;TYPE={'INDEL' if variant_type else 'SNP'}\n".encode()
            )
        self._add(lines, contig[truth.contig[missed]], truth.pos[missed])

    def _add(self, lines: list[bytes], contig: NDArray[np.int64], pos: NDArray[np.int64]) -> None:
        ends = np.cumsum([len(line) for line in lines], dtype=np.int64) + self._ends[-1][-1]
        if len(lines):
            self._blobs.append(b"".join(lines))
            self._ends.append(ends)
            self._contig.append(contig.astype(np.int64))
            self._pos.append(pos)
            self._count += len(lines)

    def texts(self, at: NDArray[np.int64]) -> list[str]:
        """The chosen lines."""
        starts = offsets_of([len(ends) for ends in self._ends[1:]])
        found = []
        for i in at.tolist():
            blob = int(np.searchsorted(starts, i, "right")) - 1
            base = int(self._ends[blob][-1])
            within = i - int(starts[blob])
            ends = self._ends[blob + 1]
            begin = base if within == 0 else int(ends[within - 1])
            line = self._blobs[blob][begin - base : int(ends[within]) - base]
            found.append(line.decode("utf-8", "replace").rstrip("\n"))
        return found

    def write(self, path: str, scratch: Path) -> None:
        """Write all lines in coordinate order as an indexed .vcf.gz. Errors: BadOutput."""
        plain, last = scratch / "compared.vcf", 0
        with plain.open("wb") as file:
            file.write(self._header().encode())
            blob = b"".join(self._blobs)
            ends = np.concatenate(self._ends)
            if self._count:
                contig, pos = np.concatenate(self._contig), np.concatenate(self._pos)
                last = int(pos.max()) + 1
                for i in np.lexsort((pos, contig)).tolist():
                    file.write(blob[ends[i] : ends[i + 1]])
        lines = Calls(str(plain), again=True)
        copy_calls(lines, path, OutputOptions("z", index_for(lines, last)))
        plain.unlink()

    def _header(self) -> str:
        lines = ["##fileformat=VCFv4.2"]
        for name, length in self._names.values():
            lines.append(f"##contig=<ID={name}{f',length={length}' if length else ''}>")
        for name in sorted(self._filters - {"PASS"}):
            text = "As in the call file" if name != GENOTYPE else "FORMAT/FT names a filter"
            lines.append(f'##FILTER=<ID={name},Description="{text}">')
        for key, number, value_type, text in _INFO:
            lines.append(
                f'##INFO=<ID={key},Number={number},Type={value_type},Description="{text}">'
            )
        if self._samples:
            text = "The sample that the call or the truth set is of, percent-encoded"
            lines.append(f'##INFO=<ID=SAMPLE,Number=1,Type=String,Description="{text}">')
        for key, name in zip(self._keys, self._scores, strict=True):
            text = f"{name} of the record"
            lines.append(f'##INFO=<ID={key},Number=1,Type=Float,Description="{text}">')
        return "\n".join([*lines, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"])


def _info_key(name: str) -> str:
    return name.replace("/", "_").replace("-", "MINUS_")
