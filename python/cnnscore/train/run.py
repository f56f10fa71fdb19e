"""From a configuration and data sets to a network with its card: what `cnnscore train` does."""

from __future__ import annotations

import copy
import hashlib
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cnnscore.dataset.parquet import SPLITS, Dataset
from cnnscore.errors import BadInput, UsageError
from cnnscore.files import temporary, write_whole
from cnnscore.locks import one_run
from cnnscore.network.encode import Planes
from cnnscore.network.manifest import Manifest
from cnnscore.network.session import Session
from cnnscore.network.store import digest_of, find_model
from cnnscore.progress import NoProgress, Progress
from cnnscore.train import checkpoint as checkpoints
from cnnscore.train.calibrate import class_counts
from cnnscore.train.card import HELD_OUT, write_card
from cnnscore.train.config import Config, to_toml
from cnnscore.train.export import make_manifest, save_checked, write_onnx
from cnnscore.train.figures import check_splits, finish
from cnnscore.train.folder import digests, prepare
from cnnscore.train.init import load_weights
from cnnscore.train.logs import Logs
from cnnscore.train.loop import Teacher, train
from cnnscore.train.network import Network, make_network
from cnnscore.train.own_cutoffs import Before
from cnnscore.train.rehearsal import Rehearsal, bundled
from cnnscore.train.samples import Samples, load_samples
from cnnscore.train.summary import TrainingSummary
from cnnscore.version import __version__

log = logging.getLogger("cnnscore")
CACHE = ".planes"


@dataclass(frozen=True)
class RunOptions:
    """How a training run is done; what is trained is the configuration's."""

    init: str | None = None
    teachers: tuple[str, ...] = ()
    rehearsal: tuple[Path, ...] = ()
    """Data sets in place of the rehearsal data that comes with cnnscore."""
    leave_out: tuple[tuple[str, str], ...] = ()
    resume: bool = False
    overwrite: bool = False
    device: str = "auto"
    threads: int = 1
    progress: Progress = field(default_factory=NoProgress)


def run_training(
    config: Config, files: Sequence[Path], output: Path, options: RunOptions
) -> TrainingSummary:
    """Train, calibrate, write and check the network OUTPUT/NAME.onnx.

    Errors: UsageError, BadInput, BadOutput; then there is no network under its name.
    """
    begin = time.monotonic()
    device = _device(options.device)
    if not config.training.steps and not options.init:
        raise UsageError("training.steps is 0: a network without `init=` must learn something")
    if options.resume and options.overwrite:
        raise UsageError(
            "`resume=` goes on from a checkpoint, `overwrite=` starts again: give one or the other"
        )
    network_path = output / f"{config.name}.onnx"
    with (
        _torch_for_us(options.threads, device),
        one_run(output, "train"),
        temporary(output / CACHE),
    ):
        sources = [find_model(name) for name in (options.init, *options.teachers) if name]
        checkpoint = prepare(
            output, network_path, sources, resume=options.resume, overwrite=options.overwrite
        )
        made_of = _made_of(config, files, options)
        if options.resume:
            checkpoints.load(checkpoint, made_of)
        logs = Logs(output, options.progress)
        try:
            network, source, start = start_network(config, options.init)
            teachers = [_teacher(name, config) for name in options.teachers]
            samples = load_samples(
                files,
                config.data,
                output / CACHE,
                leave_out=options.leave_out,
                progress=options.progress,
            )
            check_splits(samples)
            rehearsal = _rehearsal(config, output / CACHE / "rehearsal", options)
            if start is None:
                fit_annotations(network, samples, config)
            rows = rehearsal.samples if rehearsal else None
            before = (
                Before(copy.deepcopy(network), start.cutoffs, start.bare_cutoffs, rows)
                if start
                else None
            )
            write_whole(str(output / "config.toml"), to_toml(config).encode())
            trained = train(
                network,
                samples,
                config,
                checkpoint=checkpoint,
                logs=logs,
                device=device,
                teachers=[teacher for _, teacher in teachers],
                refining=before is not None,
                rehearsal=rows,
                made_of=made_of,
                resume=options.resume,
            )
            network.to("cpu")
            found = finish(network, samples, config, before, changed=trained.step > 0)
            training = {
                "configuration": config.to_dict(),
                "data": _describe(files, samples, options.leave_out, made_of["data"]),
                "code_version": __version__,
                "date": time.strftime("%Y-%m-%d"),
                "seconds": round(trained.seconds_before + time.monotonic() - begin, 1),
                "best_step": trained.step,
                "steps": trained.steps,
                "init": options.init,
                "init_sha256": made_of["init"],
                "rehearsal": rehearsal and rehearsal.origin,
                "teachers": [called for called, _ in teachers],
                "teachers_sha256": made_of["teachers"],
                "used": found.used,
                "metrics": found.metrics,
            }
            manifest = make_manifest(
                config, network, found.cutoffs, found.bare_cutoffs, training, source
            )
            content = write_onnx(network, config, manifest)
            checked = _checked_rows(samples)
            card = write_card(manifest, len(content))
            difference = save_checked(content, card, network_path, network, samples, checked)
            log.info("ONNX Runtime and PyTorch differ by at most %.2g", difference)
        finally:
            logs.close()
    return TrainingSummary(str(network_path), manifest)


@contextmanager
def _torch_for_us(threads: int, device: str) -> Iterator[None]:
    """PyTorch's settings for a run, which are the whole process's: its caller's come back after.
    Equal seeds give equal networks.
    """
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    devices = [torch.cuda.current_device()] if device == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.set_num_threads(threads)
        # use_deterministic_algorithms does this too, but imports torch's compiler: seconds.
        torch.set_deterministic_debug_mode("error")
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.set_deterministic_debug_mode(before[1])


def start_network(
    config: Config, init: str | None
) -> tuple[Network, dict[str, Any], Manifest | None]:
    """A network with random weights of the configuration's seed, or those of `init`; what the
    manifest says of where it is from; and the manifest of `init`.

    Errors: BadInput when `init` is no network of this architecture.
    """
    torch.manual_seed(config.training.seed)
    network = make_network(config)
    if init is None:
        return network, {"made_by": "cnnscore train"}, None
    path = find_model(init)
    manifest = load_weights(network, config, path)
    return network, {"made_by": "cnnscore train", "init": Path(path).name}, manifest


def fit_annotations(network: Network, samples: Samples, config: Config) -> None:
    """Normalise a new network's annotations by the training rows. Errors: BadInput when one is
    missing everywhere: its weights would stay random, and speak where another caller writes it."""
    rows = samples.of_split("train")
    values = np.asarray(samples.planes["annotations"][rows])
    never = ~samples.known_annotations
    if len(samples) and never.any():
        keys = config.data.annotations
        missing = ", ".join(key for key, gone in zip(keys, never, strict=True) if gone)
        there = ", ".join(f'"{key}"' for key, gone in zip(keys, never, strict=True) if not gone)
        raise BadInput(
            f"no row has the annotation {missing}: call with a caller that writes it, or leave it "
            f"out with `settings='data.annotations=[{there}]'`"
        )
    network.annotations.fit(values)


def _made_of(config: Config, files: Sequence[Path], options: RunOptions) -> dict[str, Any]:
    """What the network is made from, by content: a checkpoint of anything else is refused."""
    return {
        "version": __version__,
        "configuration": config.to_dict(),
        "data": digests(files),
        "left_out": sorted(f"{key}={value}" for key, value in options.leave_out),
        "init": options.init and digest_of(find_model(options.init)),
        "teachers": [digest_of(find_model(name)) for name in options.teachers],
        "rehearsal": digests(options.rehearsal),
    }


def _rehearsal(config: Config, cache: Path, options: RunOptions) -> Rehearsal | None:
    """The rows that a network of `init` must not forget."""
    if options.init is None or not config.training.rehearsal:
        return None
    if options.rehearsal:
        samples = load_samples(options.rehearsal, config.data, cache)
        names = ", ".join(path.name for path in options.rehearsal)
        return Rehearsal(samples, {"name": names, "sha256": digests(options.rehearsal)})
    found = bundled(config.data)
    if found is None:
        log.warning(
            "no rehearsal data comes with cnnscore for the encoding %s with this window and these "
            "annotations: nothing keeps the network from forgetting, and nothing measures it; "
            "`rehearsal=` names data sets of your own",
            config.data.encoding,
        )
    return found


def _teacher(name: str, config: Config) -> tuple[str, Teacher]:
    """What the card calls a teacher, by its file and its seed, and the teacher."""
    session = Session(find_model(name), "cpu")
    manifest, data = session.manifest, config.data
    if manifest.score != "log-odds" or (
        (manifest.encoding, manifest.window, manifest.annotations)
        != (data.encoding, data.window, data.annotations)
    ):
        raise BadInput(
            f"the teacher {name} sees {manifest.encoding}, window {manifest.window}, "
            f"{' '.join(manifest.annotations)}: a teacher must see what its pupil sees, and give "
            "log-odds"
        )

    def log_odds(planes: Planes) -> NDArray[np.float32]:
        return session.run({key: planes[key] for key in manifest.encoder.inputs})[:, 0]

    try:
        seed = manifest.training["configuration"]["training"]["seed"]
    except (KeyError, TypeError):  # of another maker
        return Path(name).name, log_odds
    return f"{Path(name).name}, seed {seed}", log_odds


def _describe(
    files: Sequence[Path],
    samples: Samples,
    leave_out: Sequence[tuple[str, str]],
    digests: Sequence[str],
) -> dict[str, Any]:
    layouts = [Dataset(path).layout for path in files]
    return {
        "files": [path.name for path in files],
        "sha256": hashlib.sha256("".join(digests).encode()).hexdigest(),
        "tags": sorted({f"{k}={v}" for layout in layouts for k, v in layout.tags.items()}),
        "left_out": [f"{key}={value}" for key, value in leave_out],
        "rows": {
            split: class_counts(samples.label[samples.of_split(split)])
            for split in SPLITS
            if len(samples.of_split(split))
        },
    }


def _checked_rows(samples: Samples) -> NDArray[np.int64]:
    """Rows on which ONNX Runtime must say what PyTorch says."""
    rows = np.concatenate([samples.of_split(name) for name in HELD_OUT])
    return rows if len(rows) else samples.of_split("train")


def _device(wanted: str) -> str:
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise UsageError("`device=cuda`: PyTorch finds no GPU here")
    if wanted == "cpu" or not there:
        return "cpu"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # equal seeds, equal curves
    return "cuda"
