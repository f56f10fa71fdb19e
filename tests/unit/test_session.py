"""The runtime behind a network: what it takes, and what it keeps to itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cnnscore.batch import KIND_INDEL, KIND_OTHER, KIND_SNP
from cnnscore.errors import UsageError
from cnnscore.network.session import Session
from cnnscore.score.engine import gatk_log_odds

LABELS = ("NOT_SNP", "NOT_INDEL", "SNP", "INDEL")


@pytest.mark.parametrize(("setting", "kept"), [(None, "1"), ("0", "0")])
def test_usage_reports_are_off_unless_the_user_says_so(setting: str | None, kept: str) -> None:
    env = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    env |= {} if setting is None else {"ORT_DISABLE_TELEMETRY": setting}
    code = "import cnnscore.network.session, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    assert run.stdout.decode().strip() == kept


def test_a_provider_that_there_is_not() -> None:
    with pytest.raises(UsageError, match="no provider 'abacus': there are auto, cpu, cuda"):
        Session(Path("any.onnx"), "abacus")


def test_the_c_librarys_side_loads_the_runtime_for_networks_alone() -> None:
    code = "import sys, cnnscore.shim; assert 'onnxruntime' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_score_formula() -> None:
    probabilities = np.array([[0.1, 0.2, 0.6, 0.1]] * 3 + [[1, 0, 0, 0]] * 2, np.float32)
    kind = np.array([KIND_SNP, KIND_INDEL, KIND_OTHER, KIND_SNP, KIND_OTHER], np.uint8)
    scores = gatk_log_odds(probabilities, kind, LABELS)
    worked = [np.log(6), np.log(0.5), np.log(6), np.log(1e-7), np.log(1e-7)]
    np.testing.assert_allclose(scores, worked, rtol=1e-5)
    # The order of the classes is the network's to choose.
    turned = gatk_log_odds(probabilities[:, ::-1], kind, LABELS[::-1])
    np.testing.assert_array_equal(turned, scores)
