"""What is no number, text or choice is refused by name, at each public function alike."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnscore as cs
from cnnscore.checked import ABOVE_ZERO, CHOICES, KINDS, LEAST
from conftest import DATA

CALLS, REF, READS, TRUTH = (
    DATA / name for name in ("calls.vcf.gz", "ref.fa", "reads.bam", "truth.vcf.gz")
)
PUBLIC: dict[str, Callable[..., Any]] = {
    **{name: getattr(cs, name) for name in ("open", "filter", "evaluate", "view")},
    **{name: getattr(cs, name) for name in ("dataset", "train")},
    **{
        name: getattr(cs.Scorer, name)
        for name in ("score", "table", "iter", "score_records", "windows", "explain")
    },
}
OF_FILES: dict[str, dict[str, Any]] = {
    "open": {"model": "reference"},
    "filter": {"calls": CALLS},
    "evaluate": {"calls": CALLS, "truth": TRUTH, "reference": REF},
    "view": {"calls": CALLS, "reference": REF},
    "dataset": {"calls": CALLS, "reference": REF, "truth": TRUTH},
    "train": {"config": "annotations", "data": "nowhere"},
    "iter": {"records": CALLS, "reference": REF},
    "score_records": {"records": CALLS, "reference": REF},
    "explain": {"window": None},
}
# Files, mappings and lists have checks that are their own (given.py, api/functions.py).
ELSEWHERE = re.compile(r"File|Name|Mapping|PathLike|Iterable|Window")


def wrong_values(parameter: inspect.Parameter) -> list[tuple[object, type[Exception]]]:
    """What the argument is not, by its annotation, its choices and its least value."""
    kind, name = parameter.annotation, parameter.name
    found: list[tuple[object, type[Exception]]] = [(b"x", cs.WrongType), ([1], cs.WrongType)]
    if kind.startswith("str"):
        found.append((5, cs.WrongType))
    else:
        found.append(("x", cs.WrongType))
    if kind.startswith("int"):
        found += [(1.5, cs.WrongType), (True, cs.WrongType)]
    if kind.startswith("float"):
        found += [(float("nan"), cs.UsageError), (True, cs.WrongType)]
    if "None" not in kind:
        found.append((None, cs.WrongType))
    if kind.startswith("str"):
        found += [("", cs.UsageError), ("a\0b", cs.UsageError), ("\udcff", cs.UsageError)]
    if kind.startswith("int"):
        found.append((2**63, cs.UsageError))
    if name in CHOICES:
        found.append(("zz", cs.UsageError))
    if name in ABOVE_ZERO:
        found.append((0, cs.UsageError))
    if name in LEAST:
        found.append((LEAST[name] - 1, cs.UsageError))
    return found


def parameters_of(called: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return {
        name: parameter
        for name, parameter in inspect.signature(called).parameters.items()
        if name != "self"
    }


CASES = [
    (function, name, value, kind)
    for function, called in PUBLIC.items()
    for name, parameter in parameters_of(called).items()
    if not ELSEWHERE.search(parameter.annotation)
    for value, kind in wrong_values(parameter)
]


@pytest.fixture(scope="module")
def scorer() -> cs.Scorer:
    return cs.open("reference")


@pytest.mark.parametrize(
    ("function", "name", "value", "kind"), CASES, ids=lambda one: getattr(one, "__name__", str(one))
)
def test_wrong_values_are_refused(
    function: str,
    name: str,
    value: object,
    kind: type[Exception],
    scorer: cs.Scorer,
    tmp_path: Path,
) -> None:
    given: dict[str, Any] = dict(OF_FILES.get(function, {"calls": CALLS, "reference": REF}))
    if "output" in parameters_of(PUBLIC[function]):
        given["output"] = tmp_path / "out"
    called = getattr(scorer if hasattr(scorer, function) else cs, function)
    with pytest.raises(kind, match=f"^`{name}=") as error:
        called(**{**given, name: value})
    assert isinstance(error.value, cs.CnnscoreError)
    assert not list(tmp_path.iterdir())


def test_each_argument_has_a_check() -> None:
    """A new one of another annotation must say who checks it."""
    assert len(CASES) > 200
    for called in PUBLIC.values():
        for parameter in parameters_of(called).values():
            assert parameter.annotation in KINDS or ELSEWHERE.search(parameter.annotation)
    names = {name for called in PUBLIC.values() for name in parameters_of(called)}
    assert set(CHOICES) | set(LEAST) | set(ABOVE_ZERO) <= names


def test_numbers_of_numpy_are_numbers() -> None:
    with cs.open("reference", threads=np.int64(1), batch_size=np.uint8(8)) as scorer:  # type: ignore[arg-type] # are no int
        table = scorer.table(CALLS, reference=REF, per_allele=np.True_)  # type: ignore[arg-type] # is no bool
        assert len(table) == 295
        assert scorer.threads == 1


@pytest.mark.parametrize("wrong", ["", "a\0b"], ids=ascii)
def test_texts_that_would_be_cut(wrong: str, scorer: cs.Scorer, tmp_path: Path) -> None:
    """C ends a text at a NUL: another file would be read, another key written."""
    for name in ("reference", "reads", "region", "info"):
        with pytest.raises(cs.UsageError, match=f"^`{name}=`: the text"):
            scorer.table(CALLS, **{"reference": REF, name: wrong})  # type: ignore[arg-type]
    with pytest.raises(cs.UsageError, match=r"^`output=`: the text"):
        scorer.score(CALLS, reference=REF, output=wrong)
    with pytest.raises(cs.UsageError, match=r"^`model=`: the text"):
        cs.open(wrong)


def test_a_dict_is_no_list(scorer: cs.Scorer) -> None:
    for wrong in ({"reads": {"a.bam": 1}}, {"region": {"synA": 1}}, {"info": {"QD": "float"}}):
        with pytest.raises(cs.WrongType, match=f"`{next(iter(wrong))}=` takes"):
            scorer.table(CALLS, reference=REF, **wrong)
    with pytest.raises(cs.WrongType, match="`data=` takes"):
        cs.train("annotations", {"a": 1}, output="run")


def test_what_is_a_network_s_is_refused_of_a_server() -> None:
    for wrong in (
        {"provider": "cpu"},
        {"batch_size": 4},
        {"annotations_from": "fill"},
        {"precision": "bf16"},
    ):
        (name,) = wrong
        with pytest.raises(cs.UsageError, match=f"a server has its own.*: leave out `{name}=`"):
            cs.open("unix:/nowhere", **wrong)
