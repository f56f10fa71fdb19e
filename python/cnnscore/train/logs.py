"""What a training run says while it goes on: progress, log.csv, TensorBoard, curves.png."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

from cnnscore.extras import need
from cnnscore.files import write_whole
from cnnscore.progress import NoProgress, Progress
from cnnscore.train.calibrate import Ranking

NAMES = {"snp": "SNP", "indel": "indel"}
"""Variant type in a column's name -> in text."""
FIGURES = ("roc_auc", "average_precision", "artefact_precision")
COLUMNS = (
    "step",
    "loss",
    "learning_rate",
    *(f"{variant_type}_{figure}" for variant_type in NAMES for figure in FIGURES),
    *(f"general_{variant_type}_roc_auc" for variant_type in NAMES),
    "kept",
)
"""Of log.csv: figures are of the validation rows, `general` ones of the rehearsal data; `kept` is 1
for the step whose weights are the network's."""


class Logs:
    """Log files in `folder`. Errors: BadOutput when they cannot be written."""

    def __init__(self, folder: Path, progress: Progress | None = None) -> None:
        self.history: list[dict[str, float]] = []
        """One row of COLUMNS per look."""
        self._folder, self._progress = folder, progress or NoProgress()
        self._first_step: int | None = None
        self._board: Any = None

    def progress(self, step: int, steps: int, loss: float) -> None:
        """Show how far the training is; its rate is of the steps since it began or was resumed."""
        if self._first_step is None:
            self._first_step = step - 1
            self._progress.restart()
        done, wanted = step - self._first_step, steps - self._first_step
        self._progress.show(done, "steps", f"{step:,} of {steps:,}  loss {loss:.4f}", done / wanted)

    def look(
        self,
        step: int,
        loss: float,
        learning_rate: float,
        rankings: dict[str, Ranking],
        general: dict[str, Ranking],
        kept: int,
    ) -> None:
        """Keep and say the figures of a look at the validation rows, and at those of the rehearsal
        data; `kept` is the best step so far."""
        row: dict[str, float] = {"step": step, "loss": loss, "learning_rate": learning_rate}
        for variant_type, ranking in rankings.items():
            for figure in FIGURES:
                row[f"{variant_type.lower()}_{figure}"] = getattr(ranking, figure)
        for variant_type in rankings:
            found = general[variant_type].roc_auc if variant_type in general else math.nan
            row[f"general_{variant_type.lower()}_roc_auc"] = found
        self.history.append(row)
        for one in self.history:
            one["kept"] = float(one["step"] == kept)
        self._write_csv()
        self._progress.say(_text(row))
        board = self._tensorboard()
        for name, value in row.items():
            if name != "step" and math.isfinite(value):
                board.add_scalar(name, value, step)
        board.flush()

    def restore(self, history: list[dict[str, float]]) -> None:
        """Go on after these rows."""
        self.history = list(history)

    def close(self) -> None:
        """Draw the curves and close the files."""
        self._progress.clear()
        if self._board is not None:
            self._board.close()
        if self.history:
            self._draw()

    def _write_csv(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in self.history:
            writer.writerow({key: f"{value:.6g}" for key, value in row.items()})
        write_whole(self._folder / "log.csv", text.getvalue().encode())

    def _tensorboard(self) -> Any:
        if self._board is None:
            need("train", "tensorboard")
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(self._folder / "tensorboard"))
        return self._board

    def _draw(self) -> None:
        need("train", "matplotlib")
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 3.5), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        steps = [row["step"] for row in self.history]
        left.plot(steps, [row["loss"] for row in self.history], color="#0072b2")
        left.set(xlabel="step", ylabel="loss, mean since the last look", title="training")
        styles = {"snp": "#0072b2", "indel": "#d55e00"}
        for variant_type, colour in styles.items():
            for figure_name, line in (("average_precision", "-"), ("artefact_precision", "--")):
                values = [row[f"{variant_type}_{figure_name}"] for row in self.history]
                text = "true calls" if figure_name == "average_precision" else "artefacts"
                label = f"{NAMES[variant_type]}, {text}"
                right.plot(steps, values, line, color=colour, label=label)
            values = [row[f"general_{variant_type}_roc_auc"] for row in self.history]
            if not all(map(math.isnan, values)):
                label = f"{NAMES[variant_type]}, general, ROC AUC"
                right.plot(steps, values, ":", color=colour, label=label)
        for row in self.history:
            if row["kept"]:
                right.axvline(row["step"], color="#555555", linewidth=0.8, label="kept step")
        right.set(xlabel="step", ylabel="average precision", title="validation rows")
        right.legend(fontsize=8)
        picture = io.BytesIO()
        figure.savefig(picture, dpi=120)
        write_whole(self._folder / "curves.png", picture.getvalue())


def _text(row: dict[str, float]) -> str:
    """A look in one line: average precision of true calls and of artefacts."""
    parts = [
        f"{name} {row[f'{variant_type}_average_precision']:.4f} "
        f"{row[f'{variant_type}_artefact_precision']:.4f}"
        for variant_type, name in NAMES.items()
        if not math.isnan(row[f"{variant_type}_average_precision"])
    ]
    text = f"step {row['step']:,.0f}: average precision of true calls and artefacts, "
    text += ", ".join(parts) or "no validation rows"
    known = [
        f"{name} {row[f'general_{variant_type}_roc_auc']:.4f}"
        for variant_type, name in NAMES.items()
        if not math.isnan(row[f"general_{variant_type}_roc_auc"])
    ]
    if known:
        text += f"; general ROC AUC {', '.join(known)}"
    return text + ("; kept so far" if row["kept"] else "")
