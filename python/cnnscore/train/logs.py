"""What a training run says while it goes on: progress, log.csv, TensorBoard, curves.png."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from cnnscore.errors import BadOutput
from cnnscore.extras import need
from cnnscore.progress import NoProgress, Progress
from cnnscore.train.calibrate import Ranking

COLUMNS = (
    "step",
    "loss",
    "learning_rate",
    *(
        f"{kind}_{figure}"
        for kind in ("snp", "indel")
        for figure in ("roc_auc", "average_precision", "artefact_precision")
    ),
)


class Logs:
    """Log files in `folder`. Errors: BadOutput when they cannot be written."""

    def __init__(self, folder: Path, progress: Progress | None = None) -> None:
        self.history: list[dict[str, float]] = []
        """A row of COLUMNS a look."""
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
        self, step: int, loss: float, learning_rate: float, rankings: dict[str, Ranking]
    ) -> None:
        """Keep the figures of a look at the validation rows."""
        row: dict[str, float] = {"step": step, "loss": loss, "learning_rate": learning_rate}
        for kind, ranking in rankings.items():
            for figure in ("roc_auc", "average_precision", "artefact_precision"):
                row[f"{kind.lower()}_{figure}"] = getattr(ranking, figure)
        self.history.append(row)
        self._write_csv()
        board = self._tensorboard()
        for name, value in row.items():
            if name != "step":
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
        path = self._folder / "log.csv"
        try:
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
                writer.writeheader()
                for row in self.history:
                    writer.writerow({key: f"{value:.6g}" for key, value in row.items()})
        except OSError as error:
            raise BadOutput(f"cannot write {path}: {error.strerror}") from None

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
        for kind, colour in styles.items():
            for figure_name, line in (("average_precision", "-"), ("artefact_precision", "--")):
                values = [row[f"{kind}_{figure_name}"] for row in self.history]
                text = "true calls" if figure_name == "average_precision" else "artefacts"
                label = f"{kind.upper() if kind == 'snp' else kind}, {text}"
                right.plot(steps, values, line, color=colour, label=label)
        right.set(xlabel="step", ylabel="average precision", title="validation rows")
        right.legend(fontsize=8)
        path = self._folder / "curves.png"
        try:
            figure.savefig(path, dpi=120)
        except OSError as error:
            raise BadOutput(f"cannot write {path}: {error.strerror}") from None
