"""demo_result.py FILTERED TRUTH: print how scores and FILTER tell real variants from artefacts."""

import sys

import numpy as np

from cnnscore.calls.record_types import SNP, record_types
from cnnscore.calls.records import Calls, Records
from cnnscore.network.provenance import read_model_lines
from cnnscore.truth.labels import TRUE, Labeller
from cnnscore.truth.truth_set import BATCH, TruthSet

KEY = "CNN_READS"


def main() -> None:
    """Compare with the truth set of the simulated sample."""
    filtered, truth = sys.argv[1:3]
    calls, records = Calls(filtered, annotations=(KEY,)), Records()
    own = read_model_lines(calls.header())[KEY].cutoffs
    labeller = Labeller(TruthSet.read(truth), None)
    real, passing, score, snp = [], [], [], []
    while calls.read(records, BATCH):
        sites = records.sites()
        real.append(labeller.label(sites).record == TRUE)
        passing.append(~records.filtered())
        score.append(sites.annotations[:, 0].copy())
        snp.append(record_types(sites) == SNP)
    is_real, passes, scores, is_snp = map(np.concatenate, (real, passing, score, snp))
    lowest = np.where(is_snp, own["SNP"][99.9], own["INDEL"][99.9])
    print(f"{'':<44} {'real':>5} {'artefacts':>10}")
    for name, which in (
        ("all calls", np.ones(len(scores), bool)),
        ("at least the cut-off of 99.9 % of true calls", scores >= np.float32(lowest)),
        ("PASS: at least that of 99 %, the default", passes),
        ("at least 0: even odds, as in training", scores >= 0),
    ):
        print(f"{name:<44} {(which & is_real).sum():>5} {(which & ~is_real).sum():>10}")
    true, false = scores[is_real][:, None], scores[~is_real][None, :]
    print(f"ROC AUC {np.mean((true > false) + 0.5 * (true == false)):.3f}")
    print(
        f"{(~is_real).mean():.0%} of these calls are artefacts, of the kinds that look most like "
        "variants: a stress test.\nIf you expect such a part, say so: cnnscore filter "
        "--expect-false 25%"
    )


main()
