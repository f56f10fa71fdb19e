"""What a work folder is for: inputs, network, options and shards, as its plan.json tells."""

from __future__ import annotations

import hashlib
import math
import os
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cnnscore.calls.output import OutputOptions
from cnnscore.calls.records import Calls
from cnnscore.description import Description
from cnnscore.errors import BadInput
from cnnscore.scatter.shards import Shard
from cnnscore.score.options import ScoreOptions
from cnnscore.version import __version__

SCHEMA = 1
HEAD_BYTES = 1 << 16
URL_TIMEOUT_S = 30
MOST_TOLD = 60
"""Letters of a value that differs."""
WHAT = {"bytes": "size", "modified_ns": "time", "head": "beginning"}
"""What tells one file from another, in words."""


@dataclass(frozen=True)
class How:
    """How the call files of a plan are scored and written."""

    network: Description
    reference: str
    written: OutputOptions
    options: ScoreOptions


@dataclass(frozen=True)
class Sample:
    """One call file of a plan."""

    calls: str
    reads: tuple[str, ...]
    sample: str | None
    depth: float | None
    """Of the sample; None: the network does not look at it, or it is unknown."""
    shards: tuple[Shard, ...]
    sample_map: str | None = None
    """Of a cohort, whose reads are all that it names."""

    def inputs(self) -> tuple[str, ...]:
        """All files but the calls and the reference."""
        return (*self.reads, *((self.sample_map,) if self.sample_map else ()))

    def to_json(self) -> dict[str, Any]:
        """As plan.json has it."""
        return {
            **asdict(self),
            "calls": place(self.calls),
            "reads": [place(name) for name in self.reads],
            "sample_map": self.sample_map and place(self.sample_map),
            "shards": [{"regions": shard.regions(), "sites": shard.sites} for shard in self.shards],
        }


@dataclass(frozen=True)
class Plan:
    """What is scored, and how; two runs with equal plans write the same."""

    samples: tuple[Sample | None, ...]
    """None: it could not be planned."""
    settings: Mapping[str, Any]
    """The network and the options that decide what is written."""
    inputs: Mapping[str, Mapping[str, Any]]
    """By `place`: what tells that a file is the one that it was."""

    def shards(self) -> list[Shard]:
        """Of all samples, in order."""
        return [shard for sample in self.samples if sample for shard in sample.shards]

    def to_json(self) -> dict[str, Any]:
        """As plan.json has it."""
        samples = [sample and sample.to_json() for sample in self.samples]
        return {
            "schema": SCHEMA,
            "version": __version__,
            "settings": dict(self.settings),
            "inputs": {name: dict(identity) for name, identity in self.inputs.items()},
            "samples": samples,
        }


def is_plan(stored: object) -> bool:
    """Whether this, of plan.json, is a plan of SCHEMA."""
    if not isinstance(stored, dict):
        return False
    kinds = {"version": str, "settings": dict, "inputs": dict, "samples": list}
    if any(type(stored.get(name)) is not kind for name, kind in kinds.items()):
        return False
    if not all(isinstance(told, dict) for told in stored["inputs"].values()):
        return False
    outputs, samples = stored["settings"].get("output"), stored["samples"]
    return isinstance(outputs, list) and len(outputs) == len(samples) and all(map(_is_one, samples))


def _is_one(sample: object) -> bool:
    if sample is None:
        return True
    lists = ("reads", "shards")
    return isinstance(sample, dict) and all(type(sample.get(name)) is list for name in lists)


def complete(stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Give each plan, as JSON, the samples that only the other one has: what could not be planned
    then, or now, makes no other plan of the rest."""
    if len(stored["samples"]) != len(wanted["samples"]):
        return
    for i, pair in enumerate(zip(stored["samples"], wanted["samples"], strict=True)):
        for mine, other, has in ((stored, wanted, pair[0]), (wanted, stored, pair[1])):
            if has is None:
                mine["samples"][i] = other["samples"][i]
                mine["settings"]["output"][i] = other["settings"]["output"][i]
    for mine, other in ((stored, wanted), (wanted, stored)):
        mine["inputs"] = {**other["inputs"], **mine["inputs"]}


def differences(stored: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    """In what two plans, as JSON, differ."""
    if stored["version"] != wanted["version"]:
        yield f"cnnscore {stored['version']}, now {wanted['version']}"
    one, other = stored["samples"], wanted["samples"]
    if len(one) != len(other):
        yield f"call files: {len(one)}, now {len(other)}"
    for pair in zip(one, other, strict=False):
        if None not in pair:
            yield from _of_sample(*pair)
    before, now = stored["settings"], wanted["settings"]
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key):
            yield f"{key}: {_short(before.get(key))}, now {_short(now.get(key))}"
    for name in sorted(stored["inputs"].keys() & wanted["inputs"].keys()):
        then, told = stored["inputs"][name], wanted["inputs"][name]
        keys = [key for key in sorted(then.keys() | told.keys()) if then.get(key) != told.get(key)]
        if keys:
            yield f"{name} has changed: another {', '.join(WHAT.get(key, key) for key in keys)}"


def _of_sample(stored: dict[str, Any], wanted: dict[str, Any]) -> Iterator[str]:
    for key in ("calls", "sample", "sample_map", "depth"):
        if stored.get(key) != wanted.get(key):
            yield f"{key}: {_short(stored.get(key))}, now {_short(wanted.get(key))}"
    before, now = stored["reads"], wanted["reads"]
    for name in (name for name in now if name not in before):
        yield f"now with the reads {name}"
    for name in (name for name in before if name not in now):
        yield f"now without the reads {name}"
    if before != now and sorted(map(str, before)) == sorted(now):
        yield "the reads in another order"
    if len(stored["shards"]) != len(wanted["shards"]):
        yield f"shards: {len(stored['shards'])}, now {len(wanted['shards'])}"
    elif stored["shards"] != wanted["shards"]:
        yield "shards cut elsewhere"


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= MOST_TOLD else f"{text[:MOST_TOLD]}..."


def place(name: str) -> str:
    """An input's name as it is from each folder: absolute, without links; URLs as they are."""
    parts = name.split("##idx##")
    return "##idx##".join(part if "://" in part else os.path.realpath(part) for part in parts)


def identities(calls: Sequence[str], others: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By `place`, what tells each input from another of the same name. Errors: BadInput."""
    found = {place(name): identity(name) for name in sorted({*calls, *others})}
    for name in calls:
        opened = Calls(name, sites_only=True)
        text = "\n".join(opened.header()).encode("utf-8", "surrogateescape")
        opened.close()
        found[place(name)]["header"] = hashlib.sha256(text).hexdigest()
    return found


def identity(name: str) -> dict[str, Any]:
    """Size and times of a file, and a digest of its beginning; what a server says of a URL.

    Errors: BadInput for a file that cannot be read.
    """
    path = name.partition("##idx##")[0]
    if path.startswith(("http://", "https://")):
        return _of_url(path)
    path = path.removeprefix("file://localhost").removeprefix("file://")
    if "://" in path:  # s3, gs, ftp: no header tells
        return {}
    try:
        with Path(path).open("rb") as file:
            found = os.fstat(file.fileno())
            head = hashlib.sha256(file.read(HEAD_BYTES)).hexdigest()
    except OSError as error:
        raise BadInput(f"cannot open {name}: {error.strerror}") from None
    return {"bytes": found.st_size, "modified_ns": found.st_mtime_ns, "head": head}


def _of_url(url: str) -> dict[str, Any]:
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=URL_TIMEOUT_S) as answer:
            names = ("ETag", "Last-Modified", "Content-Length")
            return {name: answer.headers[name] for name in names if answer.headers[name]}
    except (OSError, ValueError):
        return {}  # a server that answers requests for ranges alone


def known_depth(depth: float) -> float | None:
    """A measured depth for a plan: None where it is unknown."""
    return None if math.isnan(depth) else depth
