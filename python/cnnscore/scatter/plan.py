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

from cnnscore.calls.records import Calls
from cnnscore.errors import BadInput
from cnnscore.scatter.shards import Shard
from cnnscore.version import __version__

SCHEMA = 1
HEAD_BYTES = 1 << 16
URL_TIMEOUT_S = 30


@dataclass(frozen=True)
class Sample:
    """One call file of a plan."""

    calls: str
    reads: tuple[str, ...]
    sample: str | None
    depth: float | None
    """Of the sample; None: the network does not look at it, or it is unknown."""
    shards: tuple[Shard, ...]


@dataclass(frozen=True)
class Plan:
    """What is scored, and how; two runs with equal plans write the same."""

    samples: tuple[Sample, ...]
    settings: Mapping[str, Any]
    """The network and the options that decide what is written."""
    inputs: Mapping[str, Mapping[str, Any]]
    """By name: what tells that a file is the one that it was."""

    def to_json(self) -> dict[str, Any]:
        """As plan.json has it."""
        samples = [
            {
                **asdict(sample),
                "reads": list(sample.reads),
                "shards": [
                    {"regions": shard.regions(), "sites": shard.sites} for shard in sample.shards
                ],
            }
            for sample in self.samples
        ]
        return {
            "schema": SCHEMA,
            "version": __version__,
            "settings": dict(self.settings),
            "inputs": {name: dict(identity) for name, identity in self.inputs.items()},
            "samples": samples,
        }


def differences(stored: object, wanted: object, at: str = "") -> Iterator[str]:
    """Where two plans, as JSON, differ: each place with both values."""
    if isinstance(stored, dict) and isinstance(wanted, dict):
        for key in sorted(stored.keys() | wanted.keys()):
            where = f"{at} {key}" if at else str(key)
            yield from differences(stored.get(key), wanted.get(key), where)
    elif isinstance(stored, list) and isinstance(wanted, list) and len(stored) == len(wanted):
        for i, (one, other) in enumerate(zip(stored, wanted, strict=True)):
            yield from differences(one, other, f"{at} {i + 1}")
    elif isinstance(stored, list) and isinstance(wanted, list):
        yield f"{at}: {len(stored)}, now {len(wanted)}"
    elif stored != wanted:
        yield f"{at}: {stored}, now {wanted}"


def identities(calls: Sequence[str], others: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What tells each input from another of the same name. Errors: BadInput."""
    found = {name: identity(name) for name in sorted({*calls, *others})}
    for name in calls:
        opened = Calls(name, sites_only=True)
        text = "\n".join(opened.header()).encode("utf-8", "surrogateescape")
        opened.close()
        found[name]["header"] = hashlib.sha256(text).hexdigest()
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
