"""What `cnnscore train` is told: a TOML file -> dataclasses, every default here."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from importlib.resources import files
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from cnnscore.errors import BadInput, UsageError, WrongType
from cnnscore.network.encode import PlaneSpec

LOSSES = ("cross-entropy", "focal", "soft-f1")
REFINING: dict[str, Any] = {
    "steps": 600,
    "learning_rate": 2e-4,
    "weight_decay": 3.0,
    "evaluate_every": 25,
    "patience": 8,
}
"""[training] where `init` is given and nothing else is said: few steps, low rate, held back."""


@dataclass(frozen=True)
class DataOptions:
    """[data]: what the network sees of a site."""

    encoding: str = "read-set-2"
    annotations: tuple[str, ...] = ("QD", "FS", "SOR", "MQ", "MQRankSum", "ReadPosRankSum")
    annotations_from: str = "fill"
    """Where the record lacks one: "fill" takes it from the reads, "caller" leaves it missing."""
    window: int = 128
    """Columns of reference."""
    read_limit: int = 128
    """Most reads per site."""

    def planes(self) -> PlaneSpec:
        """What the encoding is asked for."""
        return PlaneSpec(self.window, self.annotations, self.annotations_from)


@dataclass(frozen=True)
class NetworkOptions:
    """[network]: the architecture. Each takes those options that it has layers for."""

    architecture: str = "read-set"
    read: tuple[int, ...] = (48, 48)
    """Widths of the layers over one read (read-set)."""
    hidden: tuple[int, ...] = (64, 32)
    """Widths of the layers over a site."""
    dropout: float = 0.1
    """In the layers over a site."""
    filters: tuple[int, ...] = (32, 32, 32)
    """Convolutions: channels of each."""
    kernels: tuple[int, ...] = (7, 7, 7)
    """Convolutions: columns of each."""
    read_kernels: tuple[int, ...] = ()
    """separable-2d: rows (reads) of each convolution along the reads."""
    padding: str = "same"
    pool: int = 2
    """Columns that are pooled into one after each convolution; 1 for none."""
    batch_norm: bool = True
    conv_dropout: float = 0.0
    annotation_dense: int = 0
    """Width of a layer over the annotations alone; 0 for none (gatk-reference, separable-2d)."""
    annotations_again: bool = False
    """Join the annotations a second time before the last layer, as GATK's 1D network does."""


@dataclass(frozen=True)
class TrainingOptions:
    """[training]: the loop."""

    seed: int = 1
    steps: int = 5000
    batch: int = 192
    """Sites a step, a quarter of each class."""
    learning_rate: float = 2e-3
    """The peak of a one-cycle schedule."""
    weight_decay: float = 1e-2
    """Pull of the weights towards 0; with `init`, towards those that it started from."""
    loss: str = "cross-entropy"
    class_weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    """Of NOT_SNP, NOT_INDEL, SNP, INDEL in the loss."""
    focal_gamma: float = 2.0
    label_smoothing: float = 0.01
    clip_norm: float = 1.0
    """Longest gradient."""
    evaluate_every: int = 250
    """Steps between looks at the validation rows; a checkpoint is written at each."""
    patience: int = 6
    """Looks without a better average precision before it stops early; 0: never."""
    rehearsal: float = 0.75
    """With `init`, the part of a minibatch that is drawn from the rehearsal data."""
    least_gained: float = 0.005
    """With `init`, by how much the mean average precision on the validation rows must be above that
    of the start for a step to be kept: less may be chance."""
    most_lost: float = 0.002
    """With `init`, the most that a type's ROC AUC on the rehearsal data may fall below what it was
    for a step to be kept."""
    mixed_precision: bool = True
    """On a GPU."""
    calibration_odds: str = "data"
    """What the log-odds mean: "data", odds at the proportion of true calls in the calibration
    rows; "even", at one true call to one artefact."""


@dataclass(frozen=True)
class Randomisation:
    """[randomisation]: how samples of other kinds are imitated. Probabilities are of a site."""

    read_dropout: float = 0.3
    """Probability that a site loses a random part (up to 60 %) of its reads."""
    mapq_lost: float = 0.3
    """Greatest part of the reads that lose their MAPQ."""
    quality_shift: float = 5.0
    """Greatest shift of base qualities, either way."""
    mismatches: float = 0.3
    """Greatest mean of extra mismatches per read."""
    clips: float = 0.1
    """Greatest part of reads that gain a soft clip."""
    indels: float = 0.03
    """Greatest mean of extra indels per read."""
    odd_reads: float = 0.08
    """Greatest part of the reads that gain many mismatches or whose mate maps elsewhere: every real
    library has some, at true calls too."""
    pair_flags_lost: float = 0.2
    """Probability that a site's reads all look unpaired."""
    annotation_dropout: float = 0.2
    """Probability that an annotation is missing."""
    annotation_noise: float = 0.1
    """Standard deviation of noise on annotations, in standard deviations."""
    depth_noise: float = 0.2
    """Standard deviation of noise on the logarithm of RelativeDepth: depth follows GC and
    mapping, and the sample's usual depth is an estimate."""
    annotations_from_reads: float = 0.3
    """Probability that all annotations come from the reads, whatever the caller says."""


@dataclass(frozen=True)
class Config:
    """A whole configuration."""

    name: str = "read-set"
    """File name and name of the network."""
    info_key: str = "CNN_READS"
    description: str = "Log-odds of being a true variant"
    data: DataOptions = field(default_factory=DataOptions)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    randomisation: Randomisation = field(default_factory=Randomisation)

    def to_dict(self) -> dict[str, Any]:
        """As in TOML, every value spelled out."""
        return asdict(self)


def load_config(
    source: str, settings: Sequence[str] = (), start: Mapping[str, Any] | None = None
) -> Config:
    """A TOML file, or one that comes with cnnscore by its name; `settings` are KEY=VALUE with a
    dotted KEY and a TOML VALUE, which replace what the file says.

    `start` is the configuration of the network that `init` names (empty where its maker is
    another): its [data] and [network] take the place of the file's, REFINING is the default of
    [training], and what the file says under [refining] takes the place of its [training]. Errors:
    BadInput naming the file and the key, UsageError for a setting that is none.
    """
    bundled = files("cnnscore.train").joinpath("configs", f"{source}.toml")
    path = Path(source)
    if path.suffix != ".toml" and bundled.is_file():
        text = bundled.read_text(encoding="utf-8")
    else:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not text"
            raise BadInput(
                f"no configuration at {source} ({why}): give a TOML file, or one of "
                f"{', '.join(bundled_configs())}"
            ) from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{source} is not TOML: {error}") from None
    refining = raw.pop("refining", {})
    _value(TrainingOptions(), refining, source, "refining")
    if start is not None:
        parse_config(raw, source)
        raw["training"] = REFINING | raw.get("training", {}) | refining
        _check_start(raw, start, source)
        raw |= {table: dict(start[table]) for table in ("data", "network") if table in start}
    for setting in settings:
        _apply(raw, setting)
    return parse_config(raw, source)


def _check_start(raw: dict[str, Any], start: Mapping[str, Any], source: str) -> None:
    """Errors: BadInput when the file is for networks of another kind than that of `init`."""
    default = Config()
    for table, key in (("network", "architecture"), ("data", "encoding")):
        ours = raw.get(table, {}).get(key, getattr(getattr(default, table), key))
        theirs = start.get(table, {}).get(key, ours)
        if ours != theirs:
            raise BadInput(
                f"{source} is for the {key} {ours}, and the network of `init=` has {theirs}: "
                "give a configuration of its kind"
            )


def start_of(init: str) -> dict[str, Any]:
    """The configuration that the network `init` was made with; empty for one of another maker.
    Errors: BadInput when there is no such network."""
    from cnnscore.network.session import Session
    from cnnscore.network.store import find_model

    found = Session(find_model(init), "cpu").manifest.training.get("configuration", {})
    return found if isinstance(found, dict) else {}


def parse_config(raw: dict[str, Any], source: str) -> Config:
    """A configuration from TOML's tables; `source` is what messages call it."""
    config: Config = _table(Config(), raw, source, "")
    _check(config, source)
    return config


def bundled_configs() -> list[str]:
    """Names of the configurations that come with cnnscore."""
    folder = files("cnnscore.train").joinpath("configs")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir())


def to_toml(config: Config) -> str:
    """The configuration as a TOML file, every value spelled out."""
    raw = config.to_dict()
    tables = {key: table for key, table in raw.items() if isinstance(table, dict)}
    lines = [f"{key} = {toml_value(value)}" for key, value in raw.items() if key not in tables]
    for key, table in tables.items():
        lines += ["", f"[{key}]", *(f"{k} = {toml_value(value)}" for k, value in table.items())]
    return "\n".join(lines) + "\n"


def toml_value(value: object) -> str:
    """A value as TOML has it. Errors: WrongType for what it has not."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return repr(float(value))
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_value, value))}]"
    raise WrongType(f"`settings=` takes numbers, texts and lists of them, not {value!r}")


def _apply(raw: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    *tables, last = key.split(".")
    if not equals or not last:
        raise UsageError(f"`settings={setting}`: give KEY=VALUE, e.g. training.steps=500")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string
    for table in tables:
        raw = raw.setdefault(table, {})
        if not isinstance(raw, dict):
            raise UsageError(f"`settings={setting}`: {table} is not a table")
    raw[last] = value


def _table(default: Any, raw: dict[str, Any], source: str, prefix: str) -> Any:
    known = {entry.name: getattr(default, entry.name) for entry in fields(default)}
    values = {}
    for key, value in raw.items():
        if key not in known:
            raise BadInput(f"{source}: unknown key {prefix}{key}; known there: {', '.join(known)}")
        values[key] = _value(known[key], value, source, f"{prefix}{key}")
    return replace(default, **values)


def _value(default: Any, value: Any, source: str, key: str) -> Any:
    if is_dataclass(default):
        if isinstance(value, dict):
            return _table(default, value, source, f"{key}.")
    elif isinstance(default, tuple):
        kind = (int, float, str)
        if isinstance(value, list) and all(isinstance(item, kind) for item in value):
            return tuple(value)
    elif isinstance(default, float) and type(value) is int:
        return float(value)
    elif type(value) is type(default):
        return value
    wanted = "a list" if isinstance(default, tuple) else type(default).__name__
    raise BadInput(f"{source}: {key} is {value!r}, not {wanted}")


def _check(config: Config, source: str) -> None:
    training, network, data = config.training, config.network, config.data

    def needs(good: bool, key: str, what: str) -> None:
        if not good:
            raise BadInput(f"{source}: {key} must be {what}")

    needs(training.loss in LOSSES, "training.loss", f"one of {', '.join(LOSSES)}")
    needs(training.steps >= 0, "training.steps", "0 or more")
    needs(training.batch >= 4, "training.batch", "4 or more")
    needs(training.learning_rate > 0, "training.learning_rate", "above 0")
    needs(training.evaluate_every >= 1, "training.evaluate_every", "1 or more")
    needs(training.patience >= 0, "training.patience", "0 or more")
    needs(0 <= training.rehearsal < 1, "training.rehearsal", "within 0-1, and less than 1")
    needs(training.most_lost >= 0, "training.most_lost", "0 or more")
    needs(training.least_gained >= 0, "training.least_gained", "0 or more")
    needs(0 <= training.label_smoothing < 0.5, "training.label_smoothing", "within 0-0.5")
    needs(
        len(training.class_weights) == 4 and min(training.class_weights) > 0,
        "training.class_weights",
        "four numbers above 0",
    )
    needs(
        training.calibration_odds in ("data", "even"), "training.calibration_odds", "data or even"
    )
    needs(
        all(type(size) is int and size > 0 for size in (*network.hidden, *network.read)),
        "network.hidden and network.read",
        "whole numbers above 0",
    )
    needs(len(network.filters) == len(network.kernels), "network.kernels", "as many as filters")
    needs(network.padding in ("same", "valid"), "network.padding", "same or valid")
    needs(0 <= network.dropout < 1, "network.dropout", "within 0-1")
    needs(8 <= data.window <= 4096, "data.window", "within 8-4096")
    needs(1 <= data.read_limit <= 4096, "data.read_limit", "within 1-4096")
    needs(
        data.annotations_from in ("caller", "reads", "fill"),
        "data.annotations_from",
        "caller, reads or fill",
    )
    plain = config.name and not set(config.name) & set("/\\ \t\n")
    needs(bool(plain), "name", "a plain file name")
