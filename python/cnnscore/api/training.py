"""Data sets and networks of one's own: `cnnscore dataset` and `cnnscore train` as functions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from cnnscore.checked import checked
from cnnscore.errors import UsageError, WrongType
from cnnscore.given import file_of, files_of, list_of, maybe_file, name_of

TYPE_CHECKING = False  # not typing's, as in errors.py
if TYPE_CHECKING:
    from typing import Any

    from cnnscore.dataset.summary import DatasetSummary
    from cnnscore.given import File, Files
    from cnnscore.progress import Progress
    from cnnscore.train.summary import TrainingSummary

    Name = str | os.PathLike[str]


@checked
def dataset(
    calls: File,
    *,
    reference: File,
    reads: Files = (),
    truth: File,
    confident: File | None = None,
    output: Name,
    overwrite: bool = False,
    all_alleles: bool = False,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
    keep: Mapping[str, float] | None = None,
    weight: float = 1.0,
    hold_out: str | Iterable[str] = (),
    validation: float = 0.1,
    calibration: float = 0.1,
    block: int | None = None,
    allow_empty_splits: bool = False,
    window: int = 600,
    read_limit: int = 256,
    read_rule: str | None = None,
    sample_depth: float | None = None,
    info: str | Iterable[str] = (),
    region: str | Iterable[str] | None = None,
    regions_file: File | None = None,
    sample: str | None = None,
    progress: bool | Progress = False,
) -> DatasetSummary:
    """Write calls and their windows, labelled by a truth set, as `cnnscore dataset` does: what
    `train` learns from (docs/tasks/training.md).

    One row for each site and ALT allele that the sample carries (`all_alleles`: each ALT allele)
    within `confident`, a BED of where the truth set is complete (None: everywhere). `output` is a
    Parquet file, or a folder, in which `name` names the file. `tags` are text columns of your own;
    `keep` is the part of a class that is kept (`{"SNP": 0.1}`); `weight` is how often the rows are
    drawn, relative to other samples. `hold_out` are contigs for testing; `validation` and
    `calibration` the parts of the blocks (`block` bases) of those splits. `window` (columns of the
    reference), `read_limit` (reads per site), `read_rule` and `info` (annotations) bound what
    networks can be trained on it. Needs `pip install 'cnnscore[dataset]'`.

    Errors: UsageError, BadInput, BadOutput; then no file is left under its name.

    >>> import cnnscore
    >>> made = cnnscore.dataset(
    ...     CALLS, reference=REFERENCE, reads=READS, truth=TRUTH, output="data", block=2000
    ... )
    >>> made.path, made.rows
    ('data/calls.parquet', 295)
    """
    from pathlib import Path

    from cnnscore.api.intervals import intervals_of
    from cnnscore.api.progress import progress_of
    from cnnscore.api.quiet import quiet_htslib
    from cnnscore.dataset.make import ANNOTATIONS, DatasetOptions, make_dataset
    from cnnscore.dataset.splits import SplitRule
    from cnnscore.extras import need

    quiet_htslib()
    need("dataset", "pyarrow")
    options = DatasetOptions(
        sample=sample,
        all_alleles=all_alleles,
        name=name,
        overwrite=overwrite,
        keep=_parts(keep),
        weight=weight,
        tags=dict(_texts(tags, "tags")),
        split=SplitRule(
            _split(hold_out, "hold_out"), validation, calibration, block, allow_empty_splits
        ),
        annotations=_split(info, "info") or ANNOTATIONS,
        window=window,
        read_rule=read_rule,
        read_limit=read_limit,
        sample_depth=sample_depth,
        intervals=intervals_of(region, regions_file),
    )
    return make_dataset(
        file_of(calls, "calls"),
        reference=file_of(reference, "reference"),
        reads=files_of(reads, "reads"),
        truth=file_of(truth, "truth"),
        confident=maybe_file(confident, "confident"),
        output=Path(name_of(output, "output")),
        options=options,
        command="cnnscore.dataset",
        progress=progress_of(progress),
    )


@checked
def train(
    config: Name,
    data: Name | Iterable[Name],
    *,
    output: Name,
    overwrite: bool = False,
    resume: bool = False,
    settings: Mapping[str, object] | str | Iterable[str] = (),
    seed: int | None = None,
    init: Name | None = None,
    rehearsal: Name | Iterable[Name] = (),
    teachers: Name | Iterable[Name] = (),
    leave_out: Mapping[str, str | Iterable[str]] | None = None,
    device: str = "auto",
    threads: int = 1,
    progress: bool | Progress = False,
) -> TrainingSummary:
    """Train a network on data sets, or refine one, as `cnnscore train` (docs/tasks/training.md).

    `config` is a TOML file, or the name of one that comes with cnnscore: "reads", "reference",
    "read-set", "annotations", "separable-2d", "gatk-1d". `data` are files or folders of `dataset`.
    `output` is the folder of the run: NAME.onnx, its card, its logs. `settings` replace values of
    the configuration: `{"training.steps": 500, "name": "mine"}`, or texts as the command takes
    them. `init` is a network to refine, `rehearsal` what it must not forget; `teachers` are
    networks whose mean log-odds it learns beside the labels. Rows with a tag, sample or contig in
    `leave_out` are left out. `resume` goes on from the folder's checkpoint. `device` is "auto",
    "cpu" or "cuda". One seed gives one network; PyTorch's settings are as before when it ends.
    Needs `pip install 'cnnscore[train]'`.

    Errors: UsageError, BadInput, BadOutput; then there is no network under its name.

    >>> import cnnscore
    >>> made = cnnscore.dataset(
    ...     CALLS, reference=REFERENCE, truth=TRUTH, output="own", block=2000, validation=0.25
    ... )
    >>> few = {"training.steps": 20, "training.evaluate_every": 10, "name": "mine"}
    >>> done = cnnscore.train("annotations", "own", output="run", settings=few)
    >>> cnnscore.open(done.path)
    <cnnscore.Scorer: mine, reference, cpu>
    """
    from pathlib import Path

    from cnnscore.api.progress import progress_of
    from cnnscore.dataset.parquet import dataset_files
    from cnnscore.extras import need
    from cnnscore.train.config import load_config, start_of

    general = _names(rehearsal, "rehearsal")
    if general and init is None:
        raise UsageError(
            "`rehearsal=` is for networks that start from another: give `init=` as well"
        )
    start = None if init is None else name_of(init, "init")
    asked = _settings(settings)
    if seed is not None:
        asked.append(f"training.seed={seed}")
    found = load_config(
        name_of(config, "config"), asked, None if start is None else start_of(start)
    )
    files, rehearsed = dataset_files(_names(data, "data")), dataset_files(general)
    need("train", "pyarrow", "torch", "matplotlib", "tensorboard")
    from cnnscore.train.run import RunOptions, run_training

    options = RunOptions(
        init=start,
        teachers=_names(teachers, "teachers"),
        rehearsal=tuple(rehearsed),
        leave_out=_texts(leave_out, "leave_out"),
        resume=resume,
        overwrite=overwrite,
        device=device,
        threads=threads,
        progress=progress_of(progress),
    )
    return run_training(found, files, Path(name_of(output, "output")), options)


def _names(given: Any, argument: str) -> tuple[str, ...]:
    """One name or several. Errors: WrongType."""
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping):
        return tuple(name_of(one, argument) for one in given)
    return (name_of(given, argument),)


def _split(given: str | Iterable[str], argument: str) -> tuple[str, ...]:
    """Texts, one or several, or with commas between them as the command takes them."""
    return tuple(part for text in list_of(given, argument) for part in text.split(",") if part)


def _texts(given: Any, argument: str) -> tuple[tuple[str, str], ...]:
    """Pairs of a key and a text, of which a key may have several. Errors: WrongType."""
    if not isinstance(given, Mapping | None):
        raise WrongType(f"`{argument}=` takes a dict of texts, as {{'artefact': 'mixed'}}")
    pairs = (given or {}).items()
    return tuple((key, text) for key, value in pairs for text in list_of(value, argument))


def _parts(given: Any) -> dict[str, float]:
    """The part of each class. Errors: WrongType."""
    try:
        return {label: float(part) for label, part in dict(given or {}).items()}
    except (TypeError, ValueError):
        raise WrongType(f"`keep=` takes parts by class, as {{'SNP': 0.1}}, not {given!r}") from None


def _settings(given: Mapping[str, object] | str | Iterable[str]) -> list[str]:
    """KEY=VALUE of each. Errors: WrongType."""
    from cnnscore.train.config import toml_value

    if isinstance(given, Mapping):
        return [f"{key}={toml_value(value)}" for key, value in given.items()]
    return list(list_of(given, "settings"))
