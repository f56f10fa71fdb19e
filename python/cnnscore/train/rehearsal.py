"""Rehearsal data: rows that a network which is refined must not forget.

A compact sample of what the bundled networks were trained on comes with cnnscore, a file for each
of their encodings: planes as the recipe's data sets give them (python/recipes/bundled-models makes
it), integers where they are multiples of a fraction. Training rows are mixed into minibatches,
validation rows are of other samples and say what was forgotten.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import offsets_of
from cnnscore.errors import InternalError
from cnnscore.network.cutoffs import bare, callers_annotations
from cnnscore.network.encode import READ_SCALARS, VARIANT_FEATURES
from cnnscore.train.config import DataOptions
from cnnscore.train.samples import ANNOTATIONS_FROM_READS, Samples

FOLDER = "rehearsal-data"
# What READ_SCALARS are whole multiples of (a clipped fraction nearly): docs/reference/encodings.md.
_PARTS = {
    "mapq": 60,
    "likelihood_ratio": 40,
    "base_quality": 40,
    "distance_5": 100,
    "distance_3": 100,
    "mismatches": 5,
    "mismatches_q20": 5,
    "mismatches_near": 3,
    "mismatches_shared": 5,
    "indels": 2,
    "indels_near": 2,
    "clipped_fraction": 100,
}
_VARIANT_PARTS = 1000


@dataclass(frozen=True)
class Rehearsal:
    """Rows, and what a card says of them."""

    samples: Samples
    origin: dict[str, Any]


def bundled(data: DataOptions) -> Rehearsal | None:
    """The sample that comes with cnnscore, as a network with this [data] sees it; None where there
    is none that it could see."""
    path = files("cnnscore.train").joinpath(FOLDER, f"{data.encoding}.npz")
    if not path.is_file():
        return None
    content = path.read_bytes()
    with np.load(io.BytesIO(content)) as arrays:
        about = json.loads(str(arrays["about"]))
        if about["window"] != data.window or set(data.annotations) - set(about["annotations"]):
            return None
        samples = _unpack(arrays, about, data)
    origin = {"name": f"cnnscore's own {data.encoding} sample", "made_with": about["made_with"]}
    return Rehearsal(samples, origin | {"sha256": [hashlib.sha256(content).hexdigest()]})


def pack(
    caller: Samples, filled: Samples | None, data: DataOptions, made_with: Mapping[str, Any]
) -> bytes:
    """The file of some rows: encoded with the caller's annotations, and for an encoding that can
    fill them from the reads also so. Both have the annotations of `data`, in its order.

    Errors: InternalError when what is written would not be read back as it is.
    """
    about = {
        "encoding": data.encoding,
        "window": data.window,
        "annotations": data.annotations,
        "read_scalars": READ_SCALARS,
        "variant_features": VARIANT_FEATURES,
        "made_with": dict(made_with),
    }
    planes = caller.planes
    arrays: dict[str, NDArray[Any]] = {
        "about": np.array(json.dumps(about)),
        "label": caller.label,
        "split": caller.split,
        "depth": np.diff(caller.row_read).astype(np.uint16),
        "caller": np.asarray(planes["annotations"]).T,
        "variant": np.rint(np.asarray(planes["variant"]).T * _VARIANT_PARTS).astype(np.int16),
    }
    if filled is not None:
        arrays["from_reads"] = np.asarray(filled.planes[ANNOTATIONS_FROM_READS]).T
    if "reads" in planes:
        columns = np.asarray(planes["reads"]).T * _read_parts()[:, None]
        arrays["reads"] = np.rint(columns).astype(np.int16)
        if np.abs(columns).max(initial=0) > np.iinfo(np.int16).max:
            raise InternalError("a scalar of a read does not fit into the rehearsal data")
    for name in ("reference", "alternate"):
        if name in planes:
            arrays[name] = np.asarray(planes[name]).T
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _unpack(
    arrays: Mapping[str, NDArray[Any]], about: dict[str, Any], data: DataOptions
) -> Samples:
    ours = [list(READ_SCALARS), list(VARIANT_FEATURES)]
    if [about["read_scalars"], about["variant_features"]] != ours:
        raise InternalError(
            f"the rehearsal data of {data.encoding} has other features than the encoding: make it "
            "again (python/recipes/bundled-models)"
        )
    columns = [about["annotations"].index(key) for key in data.annotations]
    caller = _rows(arrays["caller"][columns], np.float32)
    planes: dict[str, NDArray[Any]] = {
        "variant": _rows(arrays["variant"], np.float32) / np.float32(_VARIANT_PARTS),
        "annotations": caller,
    }
    if data.annotations_from != "caller":
        from_reads = _rows(arrays["from_reads"][columns], np.float32)
        planes["annotations"] = from_reads
        if data.annotations_from == "fill":
            planes["annotations"] = np.where(np.isnan(caller), from_reads, caller)
            planes[ANNOTATIONS_FROM_READS] = from_reads
    callers = [data.annotations.index(key) for key in callers_annotations(data.annotations)]
    depth = arrays["depth"].astype(np.int64)
    if "reads" in arrays:
        planes["reads"] = _rows(arrays["reads"], np.float32) / _read_parts()
        depth = _limit(planes, depth, data.read_limit)
    for name in ("reference", "alternate"):
        if name in arrays:
            planes[name] = _rows(arrays[name], np.uint8)
    label = arrays["label"]
    return Samples(
        planes=planes,
        row_read=offsets_of(depth),
        label=label,
        split=arrays["split"],
        weight=np.ones(len(label), np.float32),
        bare=bare(np.isfinite(caller[:, callers])),
    )


def _limit(planes: dict[str, NDArray[Any]], depth: NDArray[np.int64], most: int) -> NDArray[Any]:
    """Keep up to `most` reads of each row, drawn always alike; the new depths."""
    row = np.repeat(np.arange(len(depth)), depth)
    drawn = np.lexsort((np.random.default_rng(1).random(len(row)), row))
    number = np.empty(len(row), np.int64)
    number[drawn] = np.arange(len(row)) - offsets_of(depth)[row]
    planes["reads"] = planes["reads"][number < most]
    return np.minimum(depth, most)


def _read_parts() -> NDArray[np.float32]:
    return np.array([_PARTS.get(name, 1) for name in READ_SCALARS], np.float32)


def _rows(columns: NDArray[Any], kind: type) -> NDArray[Any]:
    return np.ascontiguousarray(columns.T.astype(kind))
