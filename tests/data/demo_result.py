"""demo_result.py FILTERED TRUTH: print how scores and FILTER tell real variants from artefacts."""

import sys

import numpy as np

from cnnscore.calls.records import Calls, Records
from cnnscore.truth.labels import TRUE, Labeller
from cnnscore.truth.truth_set import BATCH, TruthSet

KEY = "CNN_READS"


def main() -> None:
    """Compare with the truth set of the simulated sample."""
    filtered, truth = sys.argv[1:3]
    calls, records = Calls(filtered, annotations=(KEY,)), Records()
    labeller = Labeller(TruthSet.read(truth), None)
    real, passing, score = [], [], []
    while calls.read(records, BATCH):
        sites = records.sites()
        real.append(labeller.label(sites).record == TRUE)
        passing.append(~records.filtered())
        score.append(sites.annotations[:, 0].copy())
    is_real, passes, scores = map(np.concatenate, (real, passing, score))
    print(f"{'':<10} {'records':>8} {'PASS':>8} {'median':>8}")
    for name, which in (("real", is_real), ("artefact", ~is_real)):
        passed, median = passes[which].sum(), np.median(scores[which])
        print(f"{name:<10} {which.sum():>8} {passed:>8} {median:>8.2f}")
    true, false = scores[is_real][:, None], scores[~is_real][None, :]
    print(f"ROC AUC {np.mean((true > false) + 0.5 * (true == false)):.3f}")


main()
