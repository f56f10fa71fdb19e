"""From a configuration and data sets to a network with its card: what `cnnscore train` does."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cnnscore.dataset.parquet import SPLITS, Dataset
from cnnscore.errors import BadInput, BadOutput, UsageError
from cnnscore.files import write_whole
from cnnscore.network.encode import Planes
from cnnscore.network.session import Session
from cnnscore.network.store import find_model
from cnnscore.progress import NoProgress, Progress
from cnnscore.train.calibrate import (
    class_counts,
    cutoffs,
    expected_error,
    fit_calibration,
    rank_by_type,
)
from cnnscore.train.card import write_card
from cnnscore.train.config import Config, to_toml
from cnnscore.train.export import make_manifest, save_checked, write_onnx
from cnnscore.train.logs import Logs
from cnnscore.train.loop import Teacher, predict, train
from cnnscore.train.network import Network, make_network
from cnnscore.train.samples import Samples, load_samples
from cnnscore.version import __version__

log = logging.getLogger("cnnscore")
CACHE = ".planes"


@dataclass(frozen=True)
class RunOptions:
    """How a training run is done; what is trained is the configuration's."""

    init: str | None = None
    teachers: tuple[str, ...] = ()
    leave_out: tuple[tuple[str, str], ...] = ()
    resume: bool = False
    overwrite: bool = False
    device: str = "auto"
    threads: int = 1
    quiet: bool = False


def run_training(
    config: Config, files: Sequence[Path], output: Path, options: RunOptions
) -> dict[str, Any]:
    """Train, calibrate, write and check; the manifest of the network, OUTPUT/NAME.onnx.

    Errors: UsageError, BadInput, BadOutput; then there is no network under its name.
    """
    checkpoint, network_path = output / "checkpoint.pt", output / f"{config.name}.onnx"
    _prepare(output, checkpoint, network_path, options)
    device = _device(options.device)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    cache = output / CACHE
    progress = NoProgress() if options.quiet else Progress()
    logs = Logs(output, progress)
    try:
        network, source = start_network(config, options.init)
        teachers = [_teacher(name, config) for name in options.teachers]
        samples = load_samples(
            files,
            config.data,
            cache,
            leave_out=options.leave_out,
            progress=progress,
        )
        if options.init is None:
            rows = samples.of_split("train")
            network.annotations.fit(np.asarray(samples.planes["annotations"][rows]))
        write_whole(str(output / "config.toml"), to_toml(config).encode())
        trained = train(
            network,
            samples,
            config,
            checkpoint=checkpoint,
            logs=logs,
            device=device,
            teachers=[teacher for _, teacher in teachers],
            resume=options.resume,
        )
        network.to("cpu")
        metrics, cutoffs = finish(network, samples, config)
        training = {
            "configuration": config.to_dict(),
            "data": _describe(files, samples, options.leave_out),
            "code_version": __version__,
            "date": time.strftime("%Y-%m-%d"),
            "seconds": round(trained.seconds, 1),
            "best_step": trained.step,
            "init": options.init,
            "teachers": [called for called, _ in teachers],
            "metrics": metrics,
        }
        manifest = make_manifest(config, network, cutoffs, training, source)
        content = write_onnx(network, config, manifest)
        difference = save_checked(content, network_path, network, samples, _held_out(samples))
        log.info("ONNX Runtime and PyTorch differ by at most %.2g", difference)
    finally:
        logs.close()
        shutil.rmtree(cache, ignore_errors=True)
    write_whole(str(network_path.with_suffix(".md")), write_card(manifest, network_path).encode())
    return manifest


def start_network(config: Config, init: str | None) -> tuple[Network, dict[str, Any]]:
    """A network with random weights of the configuration's seed, or those of `init`; and what the
    manifest says of where it is from.

    Errors: BadInput when `init` is no network of this architecture.
    """
    torch.manual_seed(config.training.seed)
    network = make_network(config)
    if init is None:
        return network, {"made_by": "cnnscore train"}
    from cnnscore.train.init import load_weights

    path = find_model(init)
    load_weights(network, config, path)
    return network, {"made_by": "cnnscore train", "init": Path(path).name}


def finish(
    network: Network, samples: Samples, config: Config
) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """Calibrate the network in place; its metrics by split, and its cut-offs.

    Cut-offs are of true calls that the weights were not fitted on: the calibration and validation
    rows.
    """
    rows = samples.of_split("calibration")
    scores = predict(network, samples, rows).astype(np.float64)
    fitted, lacking = fit_calibration(
        scores, samples.label[rows], samples.weight[rows], config.training.calibration_odds
    )
    if lacking:
        log.warning(
            "too few calibration rows of %s: its scores are not calibrated (--calibration of "
            "`cnnscore dataset` sets the part of the regions)",
            " and ".join(lacking),
        )
    for number, (slope, offset) in enumerate(fitted.values()):
        network.calibration.slope[number] = slope
        network.calibration.offset[number] = offset
    metrics: dict[str, Any] = {"calibrated": [name for name in fitted if name not in lacking]}
    for split in SPLITS[1:]:
        rows = samples.of_split(split)
        if len(rows):
            metrics[split] = _metrics(network, samples, rows)
    rows = _held_out(samples)
    scores = predict(network, samples, rows, calibrated=True).astype(np.float64)
    return metrics, cutoffs(scores, samples.label[rows], samples.weight[rows])


def _metrics(network: Network, samples: Samples, rows: NDArray[np.int64]) -> dict[str, Any]:
    scores = predict(network, samples, rows, calibrated=True).astype(np.float64)
    label, weight = samples.label[rows], samples.weight[rows]
    errors = expected_error(scores, label, weight)
    return {
        kind: {
            **{
                key: None if isinstance(value, float) and np.isnan(value) else _short(value)
                for key, value in asdict(ranking).items()
            },
            "calibration_error": _short(errors[kind]) if kind in errors else None,
        }
        for kind, ranking in rank_by_type(scores, label, weight).items()
    }


def _short(value: float) -> float:
    return value if isinstance(value, int) else round(value, 5)


def _held_out(samples: Samples) -> NDArray[np.int64]:
    chosen = (samples.of_split("validation"), samples.of_split("calibration"))
    rows = np.concatenate(chosen)
    return rows if len(rows) else samples.of_split("train")


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
    files: Sequence[Path], samples: Samples, leave_out: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    layouts = [Dataset(path).layout for path in files]
    return {
        "files": [path.name for path in files],
        "tags": sorted({f"{k}={v}" for layout in layouts for k, v in layout.tags.items()}),
        "left_out": [f"{key}={value}" for key, value in leave_out],
        "rows": {
            split: class_counts(samples.label[samples.of_split(split)])
            for split in SPLITS
            if len(samples.of_split(split))
        },
    }


def _prepare(output: Path, checkpoint: Path, network: Path, options: RunOptions) -> None:
    there = [path for path in (network, checkpoint) if path.exists()]
    if there and not (options.resume or options.overwrite):
        raise UsageError(
            f"{there[0]} is there already: --resume goes on from a checkpoint, --overwrite starts "
            "again"
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
        if not options.resume:
            for path in (network, checkpoint):
                path.unlink(missing_ok=True)
            shutil.rmtree(output / "tensorboard", ignore_errors=True)
    except OSError as error:
        raise BadOutput(f"cannot write into {output}: {error.strerror}") from None


def _device(wanted: str) -> str:
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise UsageError("--device cuda: PyTorch finds no GPU here")
    if wanted == "cpu" or not there:
        return "cpu"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # equal seeds, equal curves
    return "cuda"


def summary(manifest: dict[str, Any], output: Path) -> str:
    """One line for the user."""
    metrics = manifest["training"]["metrics"].get("validation", {})
    parts = [
        f"{kind} ROC AUC {figures['roc_auc']:.4f}, average precision "
        f"{figures['average_precision']:.4f}"
        for kind, figures in metrics.items()
        if figures["roc_auc"] is not None
    ]
    text = "; ".join(parts) or "no validation rows"
    return f"{output / manifest['name']}.onnx: {text}, in {manifest['training']['seconds']} s"


def say(text: str) -> None:
    """A closing line on stderr."""
    print(f"cnnscore: {text}", file=sys.stderr)
