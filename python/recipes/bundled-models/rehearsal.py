"""A compact sample of the recipe's data sets, which comes with cnnscore: what a network that is
refined must not forget (cnnscore/train/rehearsal.py).

    rehearsal.py CONFIG --train T.parquet ... --validation V.parquet ... [--most N] -o FILE.npz

Rows of the samples that train are rehearsed, rows of those that choose the step say what was
forgotten. Of each class up to N are drawn, the same ones each time.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnscore.batch import offsets_of, spans
from cnnscore.dataset.parquet import SPLITS, Dataset
from cnnscore.description import LABELS
from cnnscore.files import write_whole
from cnnscore.train.config import DataOptions, load_config
from cnnscore.train.rehearsal import pack
from cnnscore.train.samples import READ_PLANES, Samples, load_samples
from cnnscore.version import __version__

MOST_BYTES = 2_000_000


def chosen(label: NDArray[np.int8], most: int, seed: int) -> NDArray[np.int64]:
    """Up to `most` rows of each class, in their order."""
    random = np.random.default_rng(seed)
    found = [random.permutation(np.flatnonzero(label == i))[:most] for i in range(len(LABELS))]
    return np.sort(np.concatenate(found))


def take(samples: Samples, rows: NDArray[np.int64], split: str) -> Samples:
    """The chosen rows, all in one split."""
    depth = np.diff(samples.row_read)[rows]
    reads = spans(samples.row_read[rows], depth)
    planes = {
        name: np.asarray(plane[reads if name in READ_PLANES else rows])
        for name, plane in samples.planes.items()
    }
    return Samples(
        planes=planes,
        row_read=offsets_of(depth),
        label=samples.label[rows],
        split=np.full(len(rows), SPLITS.index(split), np.int8),
        weight=np.ones(len(rows), np.float32),
    )


def joined(parts: list[Samples]) -> Samples:
    """One after the other."""
    return Samples(
        planes={
            name: np.concatenate([part.planes[name] for part in parts]) for name in parts[0].planes
        },
        row_read=offsets_of(np.concatenate([np.diff(part.row_read) for part in parts])),
        label=np.concatenate([part.label for part in parts]),
        split=np.concatenate([part.split for part in parts]),
        weight=np.concatenate([part.weight for part in parts]),
    )


def sample(files: dict[str, list[Path]], data: DataOptions, most: int) -> Samples:
    """The chosen rows of both splits, as `data` has them encoded."""
    parts = []
    for split, paths in files.items():
        with tempfile.TemporaryDirectory() as folder:
            samples = load_samples(paths, data, Path(folder))
            parts.append(take(samples, chosen(samples.label, most, seed=1), split))
    return joined(parts)


def main() -> None:
    """Write the file, and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    for split in ("train", "validation"):
        parser.add_argument(f"--{split}", type=Path, nargs="+", required=True)
    parser.add_argument("--most", type=int, default=2000, help="rows of a class and split [2000]")
    parser.add_argument("-o", "--output", required=True)
    options = parser.parse_args()
    files = {"train": sorted(options.train), "validation": sorted(options.validation)}
    config = load_config(options.config)
    annotations = Dataset(files["train"][0]).layout.annotations
    data = replace(config.data, annotations=annotations, annotations_from="caller")
    caller, filled = sample(files, data, options.most), None
    if config.data.annotations_from != "caller":
        filled = sample(files, replace(data, annotations_from="fill"), options.most)
    digest = hashlib.sha256()
    for path in (*files["train"], *files["validation"]):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    made_with = {"cnnscore": __version__, "recipe": "bundled-models", "data": digest.hexdigest()}
    content = pack(caller, filled, data, made_with)
    if len(content) > MOST_BYTES:
        parser.error(f"{len(content):,} bytes are too many to come with cnnscore: --most fewer")
    write_whole(options.output, content)
    for number, split in enumerate(SPLITS[:2]):
        counts = np.bincount(caller.label[caller.split == number], minlength=len(LABELS))
        rows = ", ".join(f"{n} {name}" for n, name in zip(counts, LABELS, strict=True))
        print(f"{split}: {rows}")
    print(f"{options.output}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
