"""A manifest -> its model card: what a network is, saw, and can be believed about, in Markdown."""

from __future__ import annotations

from typing import Any

from cnnscore.network.cutoffs import DEFAULT_LEVELS, default_levels, ranges_text

GENERAL = "general"
"""What figures on the rehearsal data's validation rows are called."""
HELD_OUT = ("validation", "calibration")
"""Splits that no weight is fitted to, and that set cut-offs."""

_FIGURES = {
    "true": "true calls",
    "false": "artefacts",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision, true calls",
    "artefact_precision": "average precision, artefacts",
    "calibration_error": "expected calibration error",
}


def write_card(manifest: dict[str, Any], size: int | None = None) -> str:
    """The card of a network, whose file has this many bytes.

    Networks that were imported have a short one: what they take, give and are from.
    """
    megabytes = "" if size is None else f", {size / 1e6:.2f} MB"
    reads = f"up to {manifest['read_limit']} reads" if manifest["read_limit"] else "no reads"
    lines = [
        f"# {manifest['name']}",
        "",
        f"{manifest['info_description']}.",
        "",
        f"- sees: {manifest['encoding']}, {reads}, {manifest['window']} columns of reference; "
        f"annotations {', '.join(manifest['annotations']) or 'none'}",
        f"- gives: INFO/{manifest['info_key']}, {manifest['score']}{megabytes}",
    ]
    lines += [f"- {key.replace('_', ' ')}: {value}" for key, value in manifest["source"].items()]
    training = manifest.get("training")
    if training:
        lines += _training(training)
    if manifest.get("cutoffs"):
        lines += _cutoffs(manifest, training or {})
    if training:
        lines += _limits(training)
    return "\n".join(lines) + "\n"


def _training(training: dict[str, Any]) -> list[str]:
    data, options = training["data"], training["configuration"]["training"]
    steps = training.get("steps", options["steps"])
    early = f" of up to {options['steps']:,}" if steps < options["steps"] else ""
    lines = [
        "",
        "## Training",
        "",
        f"Made on {training['date']} with cnnscore {training['code_version']}: {steps:,} steps"
        f"{early} of {options['batch']} rows, learning rate {options['learning_rate']:g}, seed "
        f"{options['seed']}, in {training['seconds']} s. {_kept_step(training)}",
    ]
    if training.get("init"):
        checksum = training.get("init_sha256")
        lines.append(
            f"Started from the weights of `{training['init']}`"
            + (f" (SHA-256 `{checksum}`)." if checksum else ".")
        )
    rehearsal = training.get("rehearsal")
    if rehearsal:
        what = f"Of each minibatch the part {options['rehearsal']:g} was rehearsal"
        lines.append(
            f"{what if steps else 'Rehearsal data, for figures alone'}: "
            f"{rehearsal['name']}, SHA-256 {', '.join(f'`{one}`' for one in rehearsal['sha256'])}."
        )
    elif training.get("init") and steps:
        lines.append("Without rehearsal data: nothing kept it from forgetting what it knew.")
    if training.get("teachers"):
        names = ", ".join(f"`{name}`" for name in training["teachers"])
        lines.append(f"Distilled: learnt from the labels and from the mean log-odds of {names}.")
    if data["left_out"]:
        lines.append(f"Left out of the data: {', '.join(data['left_out'])}.")
    lines += ["", "| rows | " + " | ".join(next(iter(data["rows"].values()))) + " |"]
    lines.append("|---|" + "---|" * len(next(iter(data["rows"].values()))))
    for split, counts in data["rows"].items():
        lines.append(f"| {split} | " + " | ".join(f"{n:,}" for n in counts.values()) + " |")
    names = data["files"]
    shown = ", ".join(names[:12]) + (f", and {len(names) - 12} more" if len(names) > 12 else "")
    checksum = f" SHA-256 of their SHA-256: `{data['sha256']}`." if "sha256" in data else ""
    lines += ["", f"Data sets: {shown}.{checksum}"]
    if data["tags"]:
        lines.append(f"Their tags: {', '.join(data['tags'])}.")
    return lines + _metrics(training["metrics"], _used(training))


def _used(training: dict[str, Any]) -> dict[str, Any]:
    """What rows were used for; of networks whose manifest does not say it, what was the rule."""
    rows = training["data"]["rows"]
    rule = {
        "step": "validation" if "validation" in rows else None,
        "calibrated": training["metrics"].get("calibrated", []),
        "cutoffs": ["+".join(name for name in HELD_OUT if name in rows)],
    }
    used: dict[str, Any] = training.get("used", rule)
    return used


def _kept_step(training: dict[str, Any]) -> str:
    step = training["best_step"]
    if training.get("steps") == 0:
        return "No step was taken: the weights are those that it started from."
    if step == 0:
        return "No step did better on validation rows: the weights are those that it started from."
    why = ", which did best on the validation rows" if _used(training)["step"] else ", the last"
    return f"The weights are those of step {step:,}{why}."


def _metrics(metrics: dict[str, Any], used: dict[str, Any]) -> list[str]:
    before = metrics.get("before", {})
    sets = [name for name in (*HELD_OUT, "test", "train", GENERAL) if name in metrics]
    columns = [(name, variant_type) for name in sets for variant_type in metrics[name]]
    if not columns:
        return []
    lines = ["", "## Figures", ""]
    lines.append(
        "| | " + " | ".join(f"{name} {variant_type}" for name, variant_type in columns) + " |"
    )
    lines.append("|---|" + "---|" * len(columns))
    marked = False
    for key, text in _FIGURES.items():
        cells = []
        for name, variant_type in columns:
            now = metrics[name][variant_type].get(key)
            then = before.get(name, {}).get(variant_type, {}).get(key)
            mark = "\\*" if now is not None and _in_sample(name, variant_type, key, used) else ""
            marked |= bool(mark)
            cells.append(_change(then, now) + mark)
        lines.append(f"| {text} | " + " | ".join(cells) + " |")
    for level in sorted(
        {level for name, variant_type in columns for level in _kept(metrics, name, variant_type)}
    ):
        for key, text in (("true", "true calls"), ("false", "artefacts")):
            cells = []
            for name, variant_type in columns:
                now = _kept(metrics, name, variant_type).get(level, {}).get(key)
                then = _kept(before, name, variant_type).get(level, {}).get(key)
                mark = (
                    "\\*"
                    if now is not None and _in_sample(name, variant_type, "kept", used)
                    else ""
                )
                marked |= bool(mark)
                cells.append(_change(then, now) + mark)
            lines.append(f"| {text} kept at the {level} % cut-off | " + " | ".join(cells) + " |")
    lines += ["", *_rows_used(sets, used)]
    if marked:
        lines.append("\\* in-sample: these rows were used to set what the figure is about.")
    if before:
        lines.append("With an arrow: of the network that it started from, and of this one.")
    if GENERAL in sets:
        lines.append(
            "`general` is the rehearsal data: rows of other samples than those that were rehearsed."
        )
    return lines


def _kept(metrics: dict[str, Any], name: str, variant_type: str) -> dict[str, dict[str, float]]:
    kept: dict[str, dict[str, float]] = metrics.get(name, {}).get(variant_type, {}).get("kept", {})
    return kept


def _in_sample(name: str, variant_type: str, key: str, used: dict[str, Any]) -> bool:
    """Whether rows were used to set what this figure measures."""
    if key in ("true", "false"):
        return False
    if name == "train" or (name == "validation" and used["step"] == "validation"):
        return True
    if key == "kept":
        return any(name in source.split("+") for source in used["cutoffs"])
    return (
        key == "calibration_error" and name == "calibration" and variant_type in used["calibrated"]
    )


def _rows_used(sets: list[str], used: dict[str, Any]) -> list[str]:
    """Which rows did what."""
    lines = []
    if used["step"]:
        lines.append("Validation rows chose the step.")
    if used["calibrated"]:
        kinds = " and ".join(used["calibrated"])
        lines.append(f"Calibration rows set slope and offset of the log-odds of {kinds}.")
    sources = [
        "true calls of the rehearsal data" if source == GENERAL else f"{source} rows"
        for source in used["cutoffs"]
        if source
    ]
    if sources:
        both = "; the lower score of both counts" if len(sources) > 1 else ""
        lines.append(f"Cut-offs come from {' and from '.join(sources)}{both}.")
    if "train" in sets:
        lines.append(
            "There were no held-out rows: nothing chose the step, and these figures are of the "
            "rows that it was trained on."
        )
    return lines


def _cutoffs(manifest: dict[str, Any], training: dict[str, Any]) -> list[str]:
    of = "held-out true calls" if training else "true calls"
    if training and not any(_used(training)["cutoffs"]):
        of = "true calls that set them for the network that it started from"
    lines = [
        "",
        "## Cut-offs",
        "",
        f"Scores at which this percentage of the {of} is kept; `cnnscore filter` takes those of "
        f"{' and '.join(f'{level:g}' for level in DEFAULT_LEVELS)} % where it has no resource, and "
        "others where they are asked for.",
        "",
    ]
    bare = manifest.get("bare_cutoffs", {}).get("cutoffs", {})
    for variant_type, of_type in manifest["cutoffs"].items():
        lines.append(f"- {variant_type}: {_levels(of_type)}")
        if variant_type in bare:
            lines.append(
                f"- {variant_type} without most of the caller's annotations "
                f"({' '.join(manifest['bare_cutoffs']['annotations'])}): "
                f"{_levels(bare[variant_type])}"
            )
    for variant_type, of_type in manifest.get("site_cutoffs", {}).items():
        lines.append(f"- {variant_type}, sites of a cohort (CNN_SITE): {_levels(of_type)}")
    return lines


def _levels(of_type: dict[Any, float]) -> str:
    levels = {float(level): score for level, score in of_type.items()}
    shown = default_levels(levels) or [max(levels)]
    text = ", ".join(f"{level:g} %: {levels[level]:z.3f}" for level in shown)
    return text if len(levels) == len(shown) else f"{text}; any from {ranges_text(levels)} %"


def _limits(training: dict[str, Any]) -> list[str]:
    odds = training["configuration"]["training"]["calibration_odds"]
    as_it_was = training.get("init") and training["best_step"] == 0
    calibrated = _used(training)["calibrated"]
    meaning = (
        "the proportion of true calls in its calibration rows"
        if odds == "data"
        else "one true call to one artefact"
    )
    hold = (
        f"- Its log-odds hold at {meaning}. A call set with fewer artefacts has higher odds: add "
        "the difference of both log-odds."
        if calibrated
        else "- Its scores are those of the network that it started from, and mean what those mean."
        if as_it_was
        else "- Its scores are not calibrated on its data: they rank, and are no odds."
    )
    return [
        "",
        "## What it does not know",
        "",
        hold,
        "- Artefacts of a kind that its data lacks. It was shown those above, and no others.",
        "- Species, sequencers, aligners and callers that are not among its data sets.",
    ]


def _change(then: Any, now: Any) -> str:
    """A cell: the figure, and before it that of the start where there is one and it differs."""
    if then is None or now is None or isinstance(now, int):
        return _cell(now)
    return f"{_cell(then)} → {_cell(now)}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
