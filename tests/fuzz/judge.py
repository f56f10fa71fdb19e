"""What a command line did with a mutated file -> what is wrong with that."""

from __future__ import annotations

import gzip
import re
from pathlib import PurePath

from fuzz.doors import FAULT, OUT, Ran, records_in
from fuzz.kinds import Promise

REFUSED = {"cnnscore": (1, 2), "bcftools": (1, 255)}
ERROR = {"cnnscore": r"^cnnscore: error: .", "bcftools": r"^Error: ."}


def faults(
    program: str, ran: Ran, promise: Promise, file: str, whole: Ran, records: int | None
) -> list[str]:
    """Nothing is right but an error of one line that names the file or its record, or an output as
    promised.

    `whole` is what the command line did with the whole file; `records` how many the output must
    have, None where that is not known.
    """
    if ran.hangs:
        return ["hang"]
    if ran.status < 0:
        return [f"signal {-ran.status}"]
    if "Traceback" in ran.said or ran.status == FAULT:
        return ["traceback"]
    if ran.status == 0:
        return [*_of_output(ran, promise, whole, records)]
    found = []
    if ran.status not in REFUSED[program]:
        found.append(f"exit {ran.status}")
    if len(re.findall(ERROR[program], ran.said, re.MULTILINE)) != 1:
        found.append("not one line of error")
    elif not names(file, ran.said):
        found.append("neither file nor record named")
    if ran.written:
        found.append(f"left over: {', '.join(ran.written)}")
    return found


def names(file: str, said: str) -> bool:
    """Whether a message names the file, or what it is an index of, or the network in it, or a
    record: not as a part of another word.
    """
    known = [file, re.sub(r"\.(fai|gzi|bai|tbi|csi|crai)$", "", file)]
    if file.endswith(".onnx"):
        known.append(f"network {file.removesuffix('.onnx')}")
    named = "|".join(rf"(?<![\w.-]){re.escape(name)}(?![\w-])" for name in known)
    return bool(re.search(rf"{named}|is the reference the one|record \S+:\d+", said))


def _of_output(ran: Ran, promise: Promise, whole: Ran, records: int | None) -> list[str]:
    if promise is Promise.NETWORKS:
        files = [name for name in ran.written if not name.endswith("/")]
        both_forms = len(files) == 2 * len({PurePath(name).name for name in files})
        good = files and both_forms and all(name.endswith(".onnx") for name in files)
        return [] if good else [f"networks: {', '.join(ran.written) or 'none'}"]
    if set(ran.written) != set(whole.written):
        return [f"written: {', '.join(ran.written)}"]
    output = output_of(ran)
    if promise is Promise.SAME and unpacked(output) != unpacked(output_of(whole)):
        lost = records_in(output) != records_in(output_of(whole))
        return ["other records" if lost else "other scores"]
    if promise is not Promise.NOTHING and records is not None and records_in(output) != records:
        return [f"{records_in(output)} of {records} records"]
    return []


def output_of(ran: Ran) -> bytes:
    """The scored calls, not their index."""
    return next(
        data
        for name, data in ran.written.items()
        if name.startswith(OUT) and not name.endswith(("i", ".part"))
    )


def unpacked(data: bytes) -> bytes:
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
