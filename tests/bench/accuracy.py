"""accuracy.py SIMULATED: do the bundled networks tell true calls from artefacts, and how well?

SIMULATED is the folder that the recipe filled (python/recipes/bundled-models/README.md): its
held-out samples are scored, its training calls teach the gradient-boosted trees. Real sets are made
in OUT from the shared reads. Every figure is a ROC AUC or average precision of records, SNP and
indel apart, with a 95 % interval; differences are of the same calls. A score that a
record lacks counts as the lowest. Exits with 1 when a claim below is missed.

  pooled held-out simulation   `reads` >= 0.98 and above gatk-1d, gatk-2d, QUAL, QD, boosted trees
  NA12878, three callers       `reads` not below the best of gatk-1d, gatk-2d, QUAL (interval)
  its 99.9 % cut-off           loses <= 1 % of true NA12878 SNPs, removes >= 80 % of the simulated
                               false calls
  variants beside each other   <= 1.5 % of the true lost at the default cut-off, <= 4 % below 0
  capture                      of calls of both, >= 0.85 of the false ones removed that go in the
                               whole genome, no more of the true (both: questions.py)
  the open sets                those of open_sets.py
  SARS-CoV-2 control           the four true calls above all others and above the cut-off
  cost                         <= 1 MMAC a site, <= 2 MB a network

Example: accuracy.py bench-data/networks --out bench-data/accuracy --gatk .make/gatk-4.6.2.0
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accuracy_table import NETWORKS, OTHERS, table
from call_sets import (
    ANNOTATIONS,
    CallSet,
    Labelled,
    control_sets,
    join,
    label,
    lowest_if_missing,
    real_sets,
    score,
    simulated_sets,
)
from called import TYPES
from cnnscore.evaluate.sampled import sample
from cnnscore.network.session import Session
from cnnscore.network.store import find_model
from open_sets import (
    CALLERS,
    PAIRS,
    SIMULATOR,
    OwnCutoffs,
    bare_claims,
    by_kind,
    levels,
    open_sets,
    pairs_claims,
    planted_claims,
    simulator_claims,
)
from questions import DEEP, capture_claims, invented_claims, lost, near_claims

OURS = "reads"
BASELINES = ("gatk-1d", "gatk-2d", *OTHERS)
REAL_BASELINES = ("gatk-1d", "gatk-2d", "QUAL")
SEED = 1
LEAST_AUC = 0.98
MOST_LOST, LEAST_REMOVED = 0.01, 0.80
MOST_BYTES, MOST_MACS = 2_000_000, 1_000_000
FEWEST = 2
"""True or false calls below which a set says nothing."""


class Report:
    """Rows of figures, and the claims with their outcome."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.claims: list[dict[str, Any]] = []

    def claim(self, text: str, found: str, kept: bool) -> None:
        """Note a claim and whether it holds."""
        self.claims.append({"claim": text, "found": found, "kept": bool(kept)})

    def figure(
        self, name: str, rows: Labelled, scores: Sequence[str], rivals: Sequence[str]
    ) -> dict[str, dict[str, Any]]:
        """Figures of each type; per type a comparison of `reads` with the best of `rivals`."""
        result = {}
        for variant_type, type_name in enumerate(TYPES):
            of_type = rows.take(rows.variant_type == variant_type)
            n_true, n_false = int(of_type.is_true.sum()), int((~of_type.is_true).sum())
            entry: dict[str, Any] = {
                "set": name, "type": type_name, "true": n_true, "false": n_false, "scores": {},
            }  # fmt: skip
            self.rows.append(entry)
            result[type_name] = entry
            if min(n_true, n_false) < FEWEST:
                continue
            columns = [(lowest_if_missing(of_type.scores[key]), of_type.is_true) for key in scores]
            of_call = np.arange(len(of_type.is_true), dtype=np.uint64)
            sampled = dict(zip(scores, sample(columns, of_call), strict=True))
            for key, one in sampled.items():
                entry["scores"][key] = {
                    "roc_auc": one.figures["roc_auc"],
                    "roc_auc_interval": one.interval("roc_auc"),
                    "average_precision": one.figures["average_precision"],
                    "average_precision_interval": one.interval("average_precision"),
                }
            for metric in ("roc_auc", "average_precision"):
                best = max(rivals, key=lambda key: entry["scores"][key][metric])
                entry[f"best_{metric}"] = best
                entry[f"ahead_{metric}"] = (
                    entry["scores"][OURS][metric] - entry["scores"][best][metric]
                )
                tested = sampled[OURS].difference(sampled[best], metric)
                entry[f"ahead_{metric}_interval"] = tested and {
                    "low": tested.low, "high": tested.high, "p": tested.p,
                }  # fmt: skip
        return result


def boosted_trees(training: Sequence[CallSet], sets: dict[str, Labelled]) -> None:
    """Add the score `boosted trees`: gradient boosting on GATK's seven annotations, SNP and indel
    apart, fitted to the HaplotypeCaller calls that the networks were trained on."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    taught = join([label(call_set, {}) for call_set in training])
    for variant_type in range(len(TYPES)):
        rows = taught.take(taught.variant_type == variant_type)
        trees = HistGradientBoostingClassifier(max_iter=200, random_state=SEED)
        trees.fit(np.stack([rows.scores[key] for key in ANNOTATIONS], 1), rows.is_true)
        for labelled in sets.values():
            values = labelled.scores.setdefault("boosted trees", np.full(len(labelled), np.nan))
            of_type = labelled.variant_type == variant_type
            if of_type.any():
                table = np.stack([labelled.scores[key][of_type] for key in ANNOTATIONS], 1)
                values[of_type] = trees.predict_proba(table)[:, 1]


def below(rows: Labelled, cutoffs: dict[str, float]) -> NDArray[np.bool_]:
    """[N] which calls the cut-off of their type takes away; one without a score is."""
    return lost(rows.scores[OURS], rows.variant_type, cutoffs)


def simulated_claims(report: Report, pooled: Labelled) -> None:
    """All families together: at least 0.98, and above all BASELINES."""
    for type_name, entry in report.figure(
        "simulated, all families", pooled, (*NETWORKS, *OTHERS), BASELINES
    ).items():
        value = entry["scores"][OURS]["roc_auc"]
        report.claim(
            f"simulated {type_name}: ROC AUC >= {LEAST_AUC}", f"{value:.4f}", value >= LEAST_AUC
        )
        for metric in ("roc_auc", "average_precision"):
            ahead, best = entry[f"ahead_{metric}"], entry[f"best_{metric}"]
            report.claim(
                f"simulated {type_name}: {metric} above {', '.join(BASELINES)}",
                f"{ahead:+.4f} to {best}",
                ahead > 0,
            )


def real_claims(report: Report, sets: dict[str, Labelled], cutoffs: dict[str, float]) -> None:
    """NA12878: not below the best of the others within the interval; true SNPs kept."""
    for name, rows in sets.items():
        for type_name, entry in report.figure(
            name, rows, (*NETWORKS, *OTHERS), REAL_BASELINES
        ).items():
            if not entry["scores"]:
                continue
            for metric in ("roc_auc", "average_precision"):
                limits = entry[f"ahead_{metric}_interval"]
                if limits is None:  # too few calls
                    continue
                report.claim(
                    f"{name} {type_name}: {metric} not below {entry[f'best_{metric}']}",
                    f"{entry[f'ahead_{metric}']:+.4f} "
                    f"({limits['low']:+.4f} to {limits['high']:+.4f})",
                    limits["high"] >= 0,
                )
        if not cutoffs:
            continue
        snps = rows.take((rows.variant_type == 0) & rows.is_true)
        gone = below(snps, cutoffs)
        report.claim(
            f"{name}: true SNPs under the 99.9 % cut-off <= {MOST_LOST:.0%}",
            f"{gone.sum()} of {len(snps)} ({gone.mean():.2%})",
            gone.mean() <= MOST_LOST,
        )


def control_claims(report: Report, rows: Labelled, cutoffs: dict[str, float]) -> None:
    """The haploid control: every true call above every artefact, and kept."""
    scores = lowest_if_missing(rows.scores[OURS])
    highest = scores[~rows.is_true].max()
    report.claim(
        "sars-cov-2: true calls above every artefact",
        f"true {np.sort(scores[rows.is_true]).round(2).tolist()}, highest artefact {highest:.2f}",
        scores[rows.is_true].min() > highest,
    )
    if cutoffs:
        gone = int(below(rows.take(rows.is_true), cutoffs).sum())
        report.claim("sars-cov-2: true calls under the cut-off", str(gone), gone == 0)


def question_claims(report: Report, folder: Path, network: str, own: OwnCutoffs, out: Path) -> None:
    """The recipe's samples with one question each (questions.py), at the default cut-offs: calls as
    the truth states them are bare."""

    def labelled(split: str, calls: str, least_depth: float = 0.0) -> list[Labelled]:
        sets = simulated_sets(folder, split, (calls,), least_depth)
        return [label(s, score(s, {OURS: network}, out)) for s in sets]

    of_bare = levels({**own.cutoffs, **own.bare.cutoffs})
    near_claims(report.claim, labelled("near", "stated"), OURS, of_bare)
    whole, captured = (labelled(split, "haplotypecaller") for split in ("whole", "capture"))
    pairs = list(zip(whole, captured, strict=True))
    capture_claims(report.claim, pairs, OURS, levels(own.cutoffs))
    invented_claims(report.claim, labelled("test", "invented", DEEP), OURS, of_bare)


def open_claims(
    report: Report, sets: dict[str, Labelled], shared: Path, own: dict[str, OwnCutoffs]
) -> None:
    """The sets beside the project; the cut-offs by network."""
    scores, auc = (*NETWORKS, *OTHERS), {}
    for name, rows in sets.items():
        for type_name, entry in report.figure(name, rows, scores, REAL_BASELINES).items():
            if name.startswith(SIMULATOR) and entry["scores"]:
                auc[f"{name} {type_name}"] = entry["scores"][OURS]["roc_auc"]
    name = f"{SIMULATOR}, copies"
    copies = report.figure(name, by_kind(sets, shared), scores, REAL_BASELINES)["SNP"]
    auc[f"{name} SNP"] = copies["scores"][OURS]["roc_auc"]
    whole = join([sets[f"{SIMULATOR}, {caller}"] for caller in CALLERS.values()])
    simulator_claims(report.claim, auc, whole, OURS, own[OURS])
    planted_claims(report.claim, sets, OURS, own[OURS])
    pairs_claims(report.claim, sets[PAIRS], OURS, own[OURS])
    bare_claims(report.claim, sets, "reference", own["reference"])


def left_out_figures(
    report: Report, held_out: list[CallSet], sets: dict[str, Labelled], folder: Path, out: Path
) -> None:
    """Networks that never saw a family or profile, on the samples that have it; beside the whole
    one's figures. No claim: what a network cannot know is published."""
    for path in sorted(folder.glob("*/*.onnx")):
        key, _, value = path.parent.name.partition("=")
        concerned = [
            s for s in held_out if (s.profile == value if key == "profile" else s.family == key)
        ]
        if not concerned:
            continue
        name = "without it"
        parts = []
        for call_set in concerned:
            rows = label(call_set, score(call_set, {name: str(path)}, out / "left_out"))
            rows.scores.update(sets[call_set.name].scores)
            parts.append(rows)
        said = f"left out: {value}" if key == "profile" else f"left out: {key}"
        report.figure(said, join(parts), (*NETWORKS, *OTHERS, name), BASELINES)


def cost_claims(report: Report, paths: dict[str, Path]) -> None:
    """Size and multiply-accumulates of what ships."""
    for name in ("reads", "reference"):
        path = paths[name]
        size = path.stat().st_size
        report.claim(f"{name}: <= 2 MB", f"{size:,} bytes", size <= MOST_BYTES)
        macs = multiply_accumulates(path)
        report.claim(f"{name}: <= 1 MMAC a site", f"{macs / 1e6:.3f} MMAC", macs <= MOST_MACS)


def multiply_accumulates(path: Path) -> float:
    """Multiply-accumulates a site, at 48 reads: of matrix products and convolutions, counted from
    the shapes of one run."""
    import onnx
    import onnxruntime as ort

    model = onnx.load(path)
    wanted = {"MatMul", "Gemm", "Conv"}
    nodes = [node for node in model.graph.node if node.op_type in wanted]
    model.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(name)
        for node in nodes
        for name in [*node.input[:2], node.output[0]]
        if name not in {init.name for init in model.graph.initializer}
        and name not in {out.name for out in model.graph.output}
        and name not in {given.name for given in model.graph.input}
    )
    unique = {out.name: out for out in model.graph.output}
    del model.graph.output[:]
    model.graph.output.extend(unique.values())
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    sizes = {"N": 1, "R": 48}
    kinds = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}
    feeds = {
        given.name: np.zeros(
            [sizes.get(size, 1) if isinstance(size, str) else size for size in given.shape],
            kinds[given.type],
        )
        for given in session.get_inputs()
    }
    outputs = dict(zip(unique, session.run(None, feeds), strict=True))
    shapes = {name: value.shape for name, value in {**outputs, **feeds}.items()}
    shapes |= {init.name: tuple(init.dims) for init in model.graph.initializer}
    total = 0.0
    for node in nodes:
        weights, result = shapes[node.input[1]], shapes[node.output[0]]
        inner = np.prod(weights[1:]) if node.op_type == "Conv" else shapes[node.input[0]][-1]
        total += float(np.prod(result)) * float(inner)
    return total


def arguments() -> argparse.Namespace:
    """Of the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("simulated", type=Path)
    parser.add_argument("--out", type=Path, default=Path("bench-data/accuracy"))
    parser.add_argument("--gatk", type=Path, default=Path(".make/gatk-4.6.2.0"))
    parser.add_argument("--reads", help="the network with reads [the bundled one]")
    parser.add_argument("--reference", help="the network without reads [the bundled one]")
    parser.add_argument(
        "--left-out", type=Path, help="folder of networks trained without KEY=VALUE, one in each"
    )
    parser.add_argument("--no-real", action="store_true", help="simulated sets alone")
    return parser.parse_args()


def main() -> int:
    """Make, score and compare; the exit status."""
    args = arguments()
    beside = Path(os.environ.get("CNNSCORE_SHARED", "../shared"))
    shared = beside / "data"
    paths = {name: find_model(getattr(args, name, None) or name) for name in NETWORKS}
    networks = {name: str(path) for name, path in paths.items()}
    manifests = {name: Session(paths[name], "cpu").manifest for name in (OURS, "reference")}
    own = {name: OwnCutoffs(m.cutoffs, m.bare_cutoffs) for name, m in manifests.items()}
    cutoffs = {name: of[99.9] for name, of in own[OURS].cutoffs.items() if 99.9 in of}
    if len(cutoffs) < len(TYPES):
        print("no claims on 99.9 % cut-offs: the network saw under 1,000 held-out true calls")
        cutoffs = {}
    held_out = simulated_sets(args.simulated, "test", ("haplotypecaller",))
    sets = {s.name: label(s, score(s, networks, args.out / "scored")) for s in held_out}
    real: list[CallSet] = []
    control: dict[str, CallSet] = {}
    opened: dict[str, CallSet] = {}
    if not args.no_real:
        real = real_sets(shared, args.out / "real", args.gatk)
        control = control_sets(shared, args.out / "real")
        opened = open_sets(beside, args.out / "open")
    for call_set in (*real, *control.values(), *opened.values()):
        scored = score(call_set, networks, args.out / "scored")
        sets[call_set.name] = label(call_set, scored)
    boosted_trees(simulated_sets(args.simulated, "train", ("haplotypecaller",)), sets)

    report = Report()
    pooled = join([sets[s.name] for s in held_out])
    simulated_claims(report, pooled)
    for family in sorted({s.family for s in held_out}):
        part = join([sets[s.name] for s in held_out if s.family == family])
        report.figure(f"simulated, {family}", part, (*NETWORKS, *OTHERS), BASELINES)
    false_calls = pooled.take(~pooled.is_true)
    if cutoffs:
        removed = below(false_calls, cutoffs).mean()
        report.claim(
            f"99.9 % cut-off removes >= {LEAST_REMOVED:.0%} of simulated false calls",
            f"{removed:.1%} of {len(false_calls)}",
            removed >= LEAST_REMOVED,
        )
    if cutoffs:
        question_claims(report, args.simulated, networks[OURS], own[OURS], args.out / "scored")
    real_claims(report, {s.name: sets[s.name] for s in real}, cutoffs)
    for name in control:
        report.figure(name, sets[name], (*NETWORKS, *OTHERS), REAL_BASELINES)
    if opened:
        open_claims(report, {name: sets[name] for name in opened}, beside, own)
    if control:
        control_claims(report, sets["sars-cov-2"], cutoffs)
    cost_claims(report, paths)
    if args.left_out:
        left_out_figures(report, held_out, sets, args.left_out, args.out)

    print("\n".join(table(report.rows, (*NETWORKS, *OTHERS, "without it"))))
    print()
    for claim in report.claims:
        print(f"{'ok  ' if claim['kept'] else 'MISS'}  {claim['claim']}: {claim['found']}")
    (args.out / "accuracy.json").write_text(
        json.dumps({"rows": report.rows, "claims": report.claims}, indent=1) + "\n"
    )
    return 0 if all(claim["kept"] for claim in report.claims) else 1


if __name__ == "__main__":
    sys.exit(main())
