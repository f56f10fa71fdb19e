"""pysam's records, as their users hold them -> Records, by the same native code as a file's.

Of each record goes on what decides its score: contig, position, alleles, QUAL, and the INFO fields
that the network takes. Numbers are written so that the same float is read again.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from cnnscore.calls.records import Calls, Records
from cnnscore.errors import BadOutput, UsageError, WrongType

if TYPE_CHECKING:
    from pysam import VariantHeader, VariantRecord

NAME = "the records given"


class RecordLines:
    """Some VariantRecords, taken from their iterable as they are asked for.

    `annotations` are INFO keys as of Calls. Errors: WrongType for what is no VariantRecord;
    UsageError for records of files whose headers differ in contigs or in these keys.
    """

    def __init__(self, records: Iterable[VariantRecord], annotations: Sequence[str]) -> None:
        self._records = iter(records)
        self._keys = [key for key in annotations if key != "QUAL"]
        first = list(islice(self._records, 1))
        self.is_empty = not first
        self._known: list[VariantHeader] = []
        """Headers met, the one that lines are written for first. Held, so that an address is one
        header's."""
        if not first:
            return
        self._records = chain(first, self._records)
        self._known = [_header(first[0])]
        self._declared = self._declarations(self._known[0])
        end = self._known[0].info.get("END")
        self._end_is_plain = end is None or end.type == "Integer"

    def calls(self, annotations: Sequence[str]) -> Calls:
        """Their header as a call file without records: with its samples, for what is checked."""
        with tempfile.TemporaryFile(prefix="cnnscore.") as file:
            try:
                file.write(str(self._known[0]).encode("utf-8", "surrogateescape"))
                file.flush()
            except OSError as error:
                raise BadOutput(
                    f"cannot write to {tempfile.gettempdir()}: {error.strerror}; name another "
                    "folder as TMPDIR"
                ) from None
            path = f"/dev/fd/{file.fileno()}"
            return Calls(path, annotations=annotations, name=NAME, sites_only=True)

    def take(self, calls: Calls, records: Records, limit: int) -> list[VariantRecord]:
        """Fill `records` with up to `limit` of them; these, none at the end."""
        taken = list(islice(self._records, limit))
        if taken:
            text = "".join(map(self._line, taken))
            calls.parse(records, text.encode("utf-8", "surrogateescape"))
        return taken

    def _line(self, record: VariantRecord) -> str:
        if not any(_header(record) is known for known in self._known):
            self._join(record.header)
        ref, *alts = record.alleles or ("N",)
        info = record.info
        fields = [f"{key}{_value(info[key])}" for key in self._keys if key in info]
        if record.stop != record.start + len(ref) or not self._end_is_plain:
            # pysam keeps END to itself, and other lengths (SVLEN) for it.
            fields += re.findall(r"(?:^|;)(END=[^;]*)", _info_text(record))
        qual = "." if record.qual is None else repr(record.qual)
        columns = record.contig, str(record.pos), ".", ref, ",".join(alts) or ".", qual, "."
        return "\t".join((*columns, ";".join(fields) or ".")) + "\n"

    def _join(self, header: VariantHeader) -> None:
        if self._declarations(header) != self._declared:
            raise UsageError(
                "the records are of files whose headers differ in contigs or annotations: score "
                "those of each file by themselves"
            )
        self._known.append(header)

    def _declarations(self, header: VariantHeader) -> object:
        """What of a header decides how a record is read, and of which sample it is."""
        keys = {
            key: (header.info[key].type, header.info[key].number)
            for key in (*self._keys, "END")
            if key in header.info
        }
        contigs = [(name, contig.length) for name, contig in header.contigs.items()]
        return keys, contigs, list(header.samples)


def _header(record: Any) -> VariantHeader:
    try:
        header: VariantHeader = record.header
        _ = record.alleles
    except AttributeError:
        raise WrongType(
            f"records are pysam's VariantRecords, as a VariantFile gives them; got {record!r}"
        ) from None
    return header


def _info_text(record: VariantRecord) -> str:
    """INFO as it is written; where there are no samples it is the last of the line."""
    return str(record).rstrip("\n").split("\t", 8)[7]


def _value(value: Any) -> str:
    """What stands behind an INFO key; nothing for a flag."""
    if value is True:
        return ""
    if isinstance(value, tuple):
        return "=" + ",".join(map(_text, value))
    return "=" + _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "."
    return repr(value) if isinstance(value, float) else str(value)


def records_in(given: Any) -> Iterator[VariantRecord]:
    """The records of a VariantFile, of the file of a name, or of any iterable. Errors: WrongType,
    BadInput for a file that pysam cannot open.
    """
    if isinstance(given, str | bytes | os.PathLike):
        from pysam import VariantFile

        from cnnscore.errors import BadInput

        try:
            with VariantFile(os.fsdecode(given)) as file:
                yield from file
        except (OSError, ValueError) as error:
            raise BadInput(f"cannot read {os.fsdecode(given)}: {error}") from None
        return
    try:
        records = iter(given)
    except TypeError:
        raise WrongType(
            f"`records=` takes VariantRecords (a VariantFile, a list, ...), not {type(given)}"
        ) from None
    yield from records
