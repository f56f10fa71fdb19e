"""What a training run ended in, for its user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnscore.html import html_table
from cnnscore.train.card import GENERAL


@dataclass(frozen=True, eq=False)
class TrainingSummary:
    """A network that was trained. `cnnscore.open` takes its `path`."""

    path: str
    """The .onnx file; its card NAME.md, log.csv and curves.png lie beside it."""
    manifest: Mapping[str, Any]
    """What the network's file says of it (docs/reference/models.md); `["training"]["metrics"]` are
    its figures."""

    @property
    def name(self) -> str:
        """The network's name."""
        return str(self.manifest["name"])

    @property
    def card(self) -> str:
        """The network's card, Markdown."""
        return Path(self.path).with_suffix(".md").read_text(encoding="utf-8")

    def text(self) -> str:
        """For the user: where the network is, and its figures; of a refined one those before, on
        the user's rows and on the rehearsal data.
        """
        training = self.manifest["training"]
        first = (
            f"{self.path}: weights of step {training['best_step']:,} of "
            f"{training['steps']:,}, in {training['seconds']} s"
        )
        rows = self._rows().items()
        return "\n".join([first, *(f"{name}: {', '.join(cells)}" for name, cells in rows)])

    def _rows(self) -> dict[str, list[str]]:
        """Figures by rows and variant type, where there is one."""
        metrics = self.manifest["training"]["metrics"]
        before = metrics.get("before", {})
        rows = {}
        for name, of_rows in metrics.items():
            if name == "before":
                continue
            for variant_type, now in of_rows.items():
                if now["roc_auc"] is None:
                    continue
                then = before.get(name, {}).get(variant_type)
                called = name if name == GENERAL else f"your {name} rows"
                rows[f"{called}, {variant_type}"] = [
                    f"{text} {_change(then and get(then), get(now))}"
                    for text, get in _SHOWN.items()
                    if get(now) is not None
                ]
        return rows

    def __repr__(self) -> str:
        return f"<cnnscore.TrainingSummary\n{self.text()}>"

    def _repr_html_(self) -> str:
        return html_table({self.name: [self.path], **self._rows()})


def _kept(key: str) -> Any:
    def get(figures: Mapping[str, Any]) -> float | None:
        found: float | None = figures["kept"].get("99.0", {}).get(key)
        return found

    return get


_SHOWN: dict[str, Any] = {
    "ROC AUC": lambda figures: figures["roc_auc"],
    "true calls kept at 99.0 %": _kept("true"),
    "artefacts kept": _kept("false"),
}


def _change(then: float | None, now: float) -> str:
    return f"{now:.4f}" if then is None else f"{then:.4f} -> {now:.4f}"
