"""Losses of log-odds, and of four classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cnnscore.train.config import TrainingOptions

_TRUE_LABELS = 2  # labels from here on are true calls


def loss_of_log_odds(
    log_odds: Tensor, target: Tensor, label: Tensor, options: TrainingOptions
) -> Tensor:
    """Mean loss of log-odds [n] whose true probability is `target` [n] (0 or 1, or a teacher's).

    "cross-entropy"; "focal" (Lin et al. 2017): the same times |p - target|^gamma, so that easy
    rows count little; "soft-f1": 1 - F1 with expected counts, of SNPs and indels, on top of half
    the cross-entropy, which alone tells where to go from far off.
    """
    weight = torch.tensor(options.class_weights, device=log_odds.device)[label]
    smoothing = options.label_smoothing
    smooth = target * (1 - 2 * smoothing) + smoothing
    entropy = functional.binary_cross_entropy_with_logits(log_odds, smooth, reduction="none")
    if options.loss == "focal":
        far = (torch.sigmoid(log_odds) - target).abs() ** options.focal_gamma
        return _mean(entropy * far, weight)
    if options.loss == "soft-f1":
        return 0.5 * _mean(entropy, weight) + _soft_f1(
            torch.sigmoid(log_odds), target, label, weight
        )
    return _mean(entropy, weight)


def loss_of_classes(classes: Tensor, label: Tensor, options: TrainingOptions) -> Tensor:
    """The same of unnormalised log-probabilities [n, 4] of the classes in LABELS' order."""
    weight = torch.tensor(options.class_weights, device=classes.device)[label]
    entropy = functional.cross_entropy(
        classes, label, reduction="none", label_smoothing=options.label_smoothing
    )
    if options.loss == "focal":
        found = torch.softmax(classes, dim=1).gather(1, label[:, None]).squeeze(1)
        return _mean(entropy * (1 - found) ** options.focal_gamma, weight)
    if options.loss == "soft-f1":
        target = (label >= _TRUE_LABELS).to(classes.dtype)
        p = torch.sigmoid(log_odds_of_classes(classes, label))
        return 0.5 * _mean(entropy, weight) + _soft_f1(p, target, label, weight)
    return _mean(entropy, weight)


def loss_of_start(now: Tensor, then: Tensor) -> Tensor:
    """Mean cross-entropy of what a network says now against what it said at the start (Li and
    Hoiem 2016): log-odds [n], or unnormalised log-probabilities [n, 4]."""
    if now.dim() == 1:
        return functional.binary_cross_entropy_with_logits(now, torch.sigmoid(then))
    return functional.cross_entropy(now, torch.softmax(then, dim=1))


def log_odds_of_classes(classes: Tensor, label: Tensor) -> Tensor:
    """[n] log-odds within each row's own type (label modulo 2)."""
    false = (label % 2)[:, None]
    return (classes.gather(1, false + _TRUE_LABELS) - classes.gather(1, false)).squeeze(1)


def _mean(loss: Tensor, weight: Tensor) -> Tensor:
    return (loss * weight).sum() / weight.sum()


def _soft_f1(p: Tensor, target: Tensor, label: Tensor, weight: Tensor) -> Tensor:
    parts = []
    for variant_type in (0, 1):
        of_type = weight * (label % 2 == variant_type)
        hits = (of_type * p * target).sum()
        total = (of_type * (p + target)).sum()
        parts.append(1 - 2 * hits / torch.clamp(total, min=1e-6))
    return torch.stack(parts).mean()
