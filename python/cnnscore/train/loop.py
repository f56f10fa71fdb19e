"""The training loop: minibatches in, the best network out. One page; the rest is beside it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnscore.description import LABELS
from cnnscore.errors import BadInput, BadOutput
from cnnscore.files import aside
from cnnscore.network.encode import Planes
from cnnscore.network.session import Session
from cnnscore.train.calibrate import Ranking, mean_quality, rank_by_type
from cnnscore.train.config import Config
from cnnscore.train.logs import Logs
from cnnscore.train.losses import log_odds_of_classes, loss_of_classes, loss_of_log_odds
from cnnscore.train.network import Network
from cnnscore.train.randomise import randomise
from cnnscore.train.samples import ANNOTATIONS_FROM_READS, ClassSampler, Samples, in_batches

Teacher = Callable[[Planes], NDArray[np.float32]]
"""Planes -> log-odds [n]."""
EVALUATION_BATCH = 1024


@dataclass
class Trained:
    """What the loop ends with: the network holds its best weights."""

    step: int
    """Step of these weights."""
    quality: float
    """Their mean average precision on the validation rows; NaN without any."""
    seconds: float


def train(
    network: Network,
    samples: Samples,
    config: Config,
    *,
    checkpoint: Path,
    logs: Logs,
    device: str = "cpu",
    teachers: Sequence[Teacher] = (),
    resume: bool = False,
    stop_after: int | None = None,
) -> Trained:
    """Train `network` on the training rows, and keep the weights that do best on validation rows.

    A checkpoint is written at each look; with `resume` it goes on from there, to the same result
    as without the break. `stop_after` leaves the loop at that step, as a kill would. Errors:
    BadInput for rows of one class only, BadOutput for a full disk.
    """
    options, start = config.training, time.monotonic()
    network.to(device)
    sampler = ClassSampler(samples, samples.of_split("train"), options.batch, options.seed)
    annotations, deviation = config.data.annotations, _deviations(samples)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.learning_rate, total_steps=options.steps
    )
    mixed = options.mixed_precision and device != "cpu"
    scaler = torch.amp.GradScaler(device, enabled=mixed)
    parts = {"network": network, "optimiser": optimiser, "schedule": schedule, "scaler": scaler}
    best: dict[str, Any] = {"quality": -math.inf, "step": 0, "weights": None}
    losses: list[float] = []
    torch.manual_seed(options.seed)
    first = 0
    if resume:
        first, best = _load(checkpoint, parts, logs, config)

    for step in range(first + 1, options.steps + 1):
        rows, random = sampler.draw(step)
        planes = samples.batch(rows)
        planes = randomise(planes, config.randomisation, annotations, deviation, random)
        label = torch.from_numpy(samples.label[rows].astype(np.int64)).to(device)
        target = _target(label, planes, teachers)
        network.train()
        optimiser.zero_grad()
        with torch.autocast(device, enabled=mixed):
            loss = _loss(network, to_torch(planes, device), target, label, config)
        scaler.scale(loss).backward()
        scaler.unscale_(optimiser)
        torch.nn.utils.clip_grad_norm_(network.parameters(), options.clip_norm)
        scaler.step(optimiser)
        scaler.update()
        schedule.step()
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            raise BadInput(f"the loss is {losses[-1]} at step {step}: lower training.learning_rate")
        logs.progress(step, options.steps, losses[-1])

        if step % options.evaluate_every == 0 or step == options.steps:
            rankings = _look(network, samples, device)
            quality = mean_quality(rankings)
            if quality > best["quality"] or math.isnan(quality):
                weights = {name: value.clone() for name, value in network.state_dict().items()}
                best = {"quality": quality, "step": step, "weights": weights}
            logs.look(step, float(np.mean(losses)), schedule.get_last_lr()[0], rankings)
            losses = []
            _save(checkpoint, parts, step, best, logs, config)
            waited = (step - best["step"]) // options.evaluate_every
            if (options.patience and waited >= options.patience) or step == stop_after:
                break
    if best["weights"] is not None:
        network.load_state_dict(best["weights"])
    network.eval()
    return Trained(best["step"], best["quality"], time.monotonic() - start)


def _deviations(samples: Samples) -> NDArray[np.float32]:
    """[A] standard deviations of the annotations; 0 where none is known."""
    values = samples.planes["annotations"]
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0, dtype=np.float64) / count
    square = np.where(known, (values - mean) ** 2, 0).sum(axis=0, dtype=np.float64) / count
    return np.sqrt(square).astype(np.float32)


def _target(label: Tensor, planes: Planes, teachers: Sequence[Teacher]) -> Tensor:
    """[n] probability of being true: the label's, or the teachers' mean log-odds'."""
    if not teachers:
        return (label >= len(LABELS) // 2).float()
    log_odds = np.mean([teacher(planes) for teacher in teachers], axis=0)
    return torch.sigmoid(torch.from_numpy(log_odds)).to(label.device)


def _look(network: Network, samples: Samples, device: str) -> dict[str, Ranking]:
    rows = samples.of_split("validation")
    scores = predict(network, samples, rows, device).astype(np.float64)
    return rank_by_type(scores, samples.label[rows], samples.weight[rows])


def _loss(
    network: Network, planes: dict[str, Tensor], target: Tensor, label: Tensor, config: Config
) -> Tensor:
    if network.output == "log_odds":
        return loss_of_log_odds(network(planes), target, label, config.training)
    return loss_of_classes(network.classes(planes), label, config.training)


def predict(
    network: Network,
    samples: Samples,
    rows: NDArray[np.int64],
    device: str = "cpu",
    *,
    calibrated: bool = False,
) -> NDArray[np.float32]:
    """Log-odds [n] of rows as they are, without randomisation; with or without calibration."""
    network.eval()
    scores = [np.zeros(0, np.float32)]
    with torch.no_grad():
        for part in in_batches(rows, EVALUATION_BATCH):
            planes = to_torch(samples.batch(part), device)
            if network.output == "log_odds":
                found = network.calibrated(planes) if calibrated else network(planes)
            else:
                label = torch.from_numpy(samples.label[part].astype(np.int64)).to(device)
                classes = (
                    network.calibrated_classes(planes) if calibrated else network.classes(planes)
                )
                found = log_odds_of_classes(classes, label)
            scores.append(found.float().cpu().numpy())
    return np.concatenate(scores)


def to_torch(planes: Planes, device: str = "cpu") -> dict[str, Tensor]:
    """Planes as tensors."""
    return {
        name: torch.from_numpy(plane).to(device)
        for name, plane in planes.items()
        if name != ANNOTATIONS_FROM_READS
    }


def _save(
    path: Path, parts: dict[str, Any], step: int, best: dict[str, Any], logs: Logs, config: Config
) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {"step": step, "best": best, "history": logs.history, "random": torch.get_rng_state()}
    state["config"] = config.to_dict()
    with aside(path) as part:
        try:
            torch.save(state, part)
        except (OSError, RuntimeError) as error:  # a full disk is a RuntimeError of PyTorch's
            raise BadOutput(f"cannot write {path}: {error}") from None


def _load(
    path: Path, parts: dict[str, Any], logs: Logs, config: Config
) -> tuple[int, dict[str, Any]]:
    try:
        state = torch.load(path, weights_only=True)
        if state["config"] != config.to_dict():
            raise BadInput(f"{path} is of another configuration: train without --resume")
        for name, part in parts.items():
            part.load_state_dict(state[name])
        torch.set_rng_state(state["random"])
        logs.restore(state["history"])
        return int(state["step"]), dict(state["best"])
    except FileNotFoundError:
        raise BadInput(f"no checkpoint at {path} to resume from: train without --resume") from None
    except (OSError, RuntimeError, KeyError, ValueError, EOFError) as error:
        raise BadInput(
            f"{path} is not a whole checkpoint ({error}): train without --resume"
        ) from None


def log_odds_of_batch(
    session: Session, samples: Samples, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Log-odds [n] that a written network gives some rows."""
    planes = samples.batch(rows)
    planes = {name: planes[name] for name in session.manifest.encoder.inputs}
    output = session.run(planes)
    if session.manifest.score == "log-odds":
        return output[:, 0]
    label, row = samples.label[rows] % 2, np.arange(len(rows))
    odds: NDArray[np.float32] = np.log(output[row, label + 2]) - np.log(output[row, label])
    return odds
