"""The training loop: minibatches in, the best network out. One page; the rest is beside it."""

from __future__ import annotations

import copy
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
from cnnscore.errors import BadInput
from cnnscore.network.encode import Planes
from cnnscore.train import checkpoint as checkpoints
from cnnscore.train.calibrate import Ranking, mean_quality, rank_by_type
from cnnscore.train.config import Config
from cnnscore.train.layers import BatchNorm
from cnnscore.train.logs import Logs
from cnnscore.train.losses import loss_of_classes, loss_of_log_odds, loss_of_start
from cnnscore.train.network import Network
from cnnscore.train.predict import predict, to_torch
from cnnscore.train.randomise import randomise
from cnnscore.train.samples import ClassSampler, Samples

Teacher = Callable[[Planes], NDArray[np.float32]]
"""Planes -> log-odds [n]."""
_REHEARSAL_SEED = 1_000_003
"""Added to the seed: what is drawn of the rehearsal data goes with nothing else."""


@dataclass
class Trained:
    """What the loop ends with: the network holds its best weights."""

    step: int
    """Step of these weights; 0: those that it started from."""
    steps: int
    """Steps that were done."""
    quality: float
    """Their mean average precision on the validation rows; NaN without any."""
    seconds_before: float
    """Of the parts that a run was resumed after."""


def train(
    network: Network,
    samples: Samples,
    config: Config,
    *,
    checkpoint: Path,
    logs: Logs,
    device: str = "cpu",
    teachers: Sequence[Teacher] = (),
    refining: bool = False,
    rehearsal: Samples | None = None,
    made_of: dict[str, Any] | None = None,
    resume: bool = False,
    stop_after: int | None = None,
) -> Trained:
    """Train `network` on the training rows, and keep the weights that do best on validation rows.

    With `refining` it starts as one that knows something: step 0 is a candidate, weight decay
    pulls towards its weights, and of `rehearsal` it learns to say what it said at the start; a step
    at which it tells those rows apart worse than `most_lost` allows is not kept. A checkpoint is
    written at each look; with `resume` it goes on from there, to the same result as without the
    break, if it is of the same run (`made_of`). `stop_after` leaves the loop at that step, as a
    kill would. Errors: BadInput for rows of one class only or a checkpoint of another run,
    BadOutput for a full disk.
    """
    options, begin = config.training, time.monotonic()
    made_of = made_of or {"configuration": config.to_dict()}
    network.to(device)
    start = _Start(network, rehearsal, config, device) if refining else None
    own = options.batch - (start.batch if start else 0)
    sampler = ClassSampler(samples, samples.of_split("train"), own, options.seed)
    deviation = _deviations(samples)
    parts = _optimisers(network, config, device, pulled=start is not None)
    optimiser, schedule, scaler = parts["optimiser"], parts["schedule"], parts["scaler"]
    looks = _Looks(network, samples, config, start, logs, device)
    losses: list[float] = []
    torch.manual_seed(options.seed)
    step, before = 0, 0.0
    if resume:
        step, before = _load(checkpoint, made_of, parts, looks.best, logs)
    elif start:
        looks.look(0, losses, schedule.get_last_lr()[0])
    while not looks.ended(step):
        step += 1
        planes, label = _minibatch(samples, sampler, step, config, deviation)
        label, target = label.to(device), _target(label, planes, teachers).to(device)
        network.train()
        optimiser.zero_grad()
        with torch.autocast(device, enabled=scaler.is_enabled()):
            loss = _loss(network, to_torch(planes, device), target, label, config)
            if start and start.batch:
                general = start.loss(network, step, deviation)
                loss = (own * loss + start.batch * general) / options.batch
        scaler.scale(loss).backward()
        scaler.unscale_(optimiser)
        torch.nn.utils.clip_grad_norm_(network.parameters(), options.clip_norm)
        scaler.step(optimiser)
        scaler.update()
        if start:
            start.pull(network, schedule.get_last_lr()[0] * options.weight_decay)
        schedule.step()
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            raise BadInput(f"the loss is {losses[-1]} at step {step}: lower training.learning_rate")
        logs.progress(step, options.steps, losses[-1])

        if step % options.evaluate_every == 0 or step == options.steps:
            looks.look(step, losses, schedule.get_last_lr()[0])
            losses = []
            _save(checkpoint, made_of, parts, looks.best, logs, step, before, begin)
            if step == stop_after:
                break
    looks.restore()
    return Trained(looks.best["step"], step, looks.best["quality"], before)


def _optimisers(network: Network, config: Config, device: str, *, pulled: bool) -> dict[str, Any]:
    """All that has a state: the network, its optimiser, the schedule of the rate, the scaler of
    mixed precision. A network that is `pulled` to its start has no other weight decay."""
    options = config.training
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=options.learning_rate,
        weight_decay=0.0 if pulled else options.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.learning_rate, total_steps=max(options.steps, 1)
    )
    scaler = torch.amp.GradScaler(device, enabled=options.mixed_precision and device != "cpu")
    return {"network": network, "optimiser": optimiser, "schedule": schedule, "scaler": scaler}


def _minibatch(
    samples: Samples,
    sampler: ClassSampler,
    step: int,
    config: Config,
    deviation: NDArray[np.float32],
) -> tuple[Planes, Tensor]:
    """Planes of the rows of a step, randomised, and their labels [n]."""
    rows, random = sampler.draw(step)
    planes = randomise(
        samples.batch(rows), config.randomisation, config.data.annotations, deviation, random
    )
    return planes, torch.from_numpy(samples.label[rows].astype(np.int64))


class _Looks:
    """Looks at the validation rows, and the best weights so far."""

    def __init__(
        self,
        network: Network,
        samples: Samples,
        config: Config,
        start: _Start | None,
        logs: Logs,
        device: str,
    ) -> None:
        self.best: dict[str, Any] = {
            "quality": -math.inf,
            "step": 0,
            "weights": None,
            "start": math.nan,  # quality of step 0, where it was looked at
        }
        self._network, self._samples, self._start = network, samples, start
        self._options, self._logs, self._device = config.training, logs, device

    def look(self, step: int, losses: Sequence[float], rate: float) -> None:
        """Rank, keep the weights if they are the best, and say so; `losses` since the last one."""
        rankings = _rank(self._network, self._samples, self._device)
        general = self._start.rank(self._network) if self._start else {}
        quality = mean_quality(rankings)
        if step == 0:
            self.best["start"] = quality
        gained = quality - self.best["start"]
        allowed = step == 0 or not self._start or self._start.allows(gained, general)
        if allowed and (quality > self.best["quality"] or math.isnan(quality)):
            weights = {name: value.clone() for name, value in self._network.state_dict().items()}
            self.best.update({"quality": quality, "step": step, "weights": weights})
        loss = float(np.mean(losses)) if losses else math.nan
        self._logs.look(step, loss, rate, rankings, general, self.best["step"])

    def restore(self) -> None:
        """Give the network the best weights."""
        if self.best["weights"] is not None:
            self._network.load_state_dict(self.best["weights"])
        self._network.eval()

    def ended(self, step: int) -> bool:
        """Whether all steps are done, or `patience` looks brought nothing better."""
        waited = (step - self.best["step"]) // self._options.evaluate_every
        stopped = bool(self._options.patience) and waited >= self._options.patience
        return step >= self._options.steps or stopped


class _Start:
    """The network that a refined one starts from, and what holds the new one near it."""

    def __init__(
        self, network: Network, rehearsal: Samples | None, config: Config, device: str
    ) -> None:
        for module in network.modules():  # its statistics are those of more data than there is now
            if isinstance(module, BatchNorm):
                module.frozen = True
        self._network = copy.deepcopy(network).eval().requires_grad_(False)
        self._rehearsal, self._config, self._device = rehearsal, config, device
        options = config.training
        wanted = round(options.batch * options.rehearsal) if rehearsal else 0
        self.batch = max(min(wanted, options.batch - 4), 0)
        """Rows of a minibatch that are of the rehearsal data."""
        if rehearsal and self.batch:
            rows, seed = rehearsal.of_split("train"), options.seed + _REHEARSAL_SEED
            self._sampler = ClassSampler(rehearsal, rows, self.batch, seed)
        self._before = self.rank(self._network)

    def rank(self, network: Network) -> dict[str, Ranking]:
        """How a network ranks the rehearsal rows that are not trained on."""
        return _rank(network, self._rehearsal, self._device) if self._rehearsal else {}

    def allows(self, gained: float, general: dict[str, Ranking]) -> bool:
        """Whether a network that is better by so much (NaN without validation rows), and ranks
        rehearsal rows so, has gained more than chance gives, and forgotten no more than it may."""
        options = self._config.training
        return not gained < options.least_gained and not any(
            before.roc_auc - general[variant_type].roc_auc > options.most_lost
            for variant_type, before in self._before.items()
        )

    def loss(self, network: Network, step: int, deviation: NDArray[np.float32]) -> Tensor:
        """How far it is from saying of rehearsal rows what it said at the start."""
        assert self._rehearsal is not None
        planes, _ = _minibatch(self._rehearsal, self._sampler, step, self._config, deviation)
        inputs = to_torch(planes, self._device)
        with torch.no_grad():
            said = _outputs(self._network, inputs)
        return loss_of_start(_outputs(network, inputs), said)

    def pull(self, network: Network, part: float) -> None:
        """Take the weights this part of the way back."""
        with torch.no_grad():
            for now, then in zip(network.parameters(), self._network.parameters(), strict=True):
                now.lerp_(then, min(part, 1.0))


def _outputs(network: Network, planes: dict[str, Tensor]) -> Tensor:
    """Log-odds [n], or unnormalised log-probabilities [n, 4]."""
    return network(planes) if network.output == "log_odds" else network.classes(planes)


def _deviations(samples: Samples) -> NDArray[np.float32]:
    """[A] standard deviations of the annotations; 0 where none is known."""
    values = samples.planes["annotations"]
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0).sum(axis=0, dtype=np.float64) / count
    square = np.where(known, (values - mean) ** 2, 0).sum(axis=0, dtype=np.float64) / count
    return np.sqrt(square).astype(np.float32)


def _target(label: Tensor, planes: Planes, teachers: Sequence[Teacher]) -> Tensor:
    """[n] probability of being true: the label's, or the mean of it and of the teachers' mean
    log-odds': a pupil of teachers alone fell behind each of them.
    """
    own = (label >= len(LABELS) // 2).float()
    if not teachers:
        return own
    log_odds = np.mean([teacher(planes) for teacher in teachers], axis=0)
    return (own + torch.sigmoid(torch.from_numpy(log_odds))) / 2


def _rank(network: Network, samples: Samples, device: str) -> dict[str, Ranking]:
    """Rankings of the validation rows."""
    rows = samples.of_split("validation")
    scores = predict(network, samples, rows, device).astype(np.float64)
    return rank_by_type(scores, samples.label[rows], samples.weight[rows])


def _loss(
    network: Network, planes: dict[str, Tensor], target: Tensor, label: Tensor, config: Config
) -> Tensor:
    if network.output == "log_odds":
        return loss_of_log_odds(network(planes), target, label, config.training)
    return loss_of_classes(network.classes(planes), label, config.training)


def _save(
    path: Path,
    made_of: dict[str, Any],
    parts: dict[str, Any],
    best: dict[str, Any],
    logs: Logs,
    step: int,
    before: float,
    begin: float,
) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {"made_of": made_of, "best": best, "history": logs.history, "step": step}
    state |= {"random": torch.get_rng_state(), "seconds": before + time.monotonic() - begin}
    checkpoints.save(path, state)


def _load(
    path: Path, made_of: dict[str, Any], parts: dict[str, Any], best: dict[str, Any], logs: Logs
) -> tuple[int, float]:
    """Put a checkpoint's state in place; its step, and the seconds that the run took till then."""
    state = checkpoints.load(path, made_of)
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
        torch.set_rng_state(state["random"])
        logs.restore(state["history"])
        best.update(state["best"])
        return int(state["step"]), float(state["seconds"])
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise checkpoints.not_whole(path, error) from None
