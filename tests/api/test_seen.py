"""Windows, tensors and explanations: what the network saw, in the caller's hands."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

import cnnscore
from cnnscore.api import windows as windows_module
from cnnscore.calls.windows import ReaderOptions, WindowReader
from cnnscore.score.engine import Engine
from conftest import DATA, SHARED
from hosts.server import Server

CALLS, REF, READS = DATA / "calls.vcf.gz", DATA / "ref.fa", DATA / "reads.bam"
MODELS = ["reads", "reference"]


def opened(model: str) -> tuple[cnnscore.Scorer, cnnscore.Windows]:
    scorer = cnnscore.open(model)
    return scorer, scorer.windows(CALLS, reference=REF, reads=READS if model == "reads" else ())


@pytest.mark.parametrize("model", MODELS)
def test_tensors_give_the_scores(model: str) -> None:
    """What `tensors` hands out, run through the network, is what the table says, to the bit."""
    scorer, windows = opened(model)
    engine = scorer.engine
    assert isinstance(engine, Engine)
    kwargs: Any = {"reads": READS} if model == "reads" else {}
    table = scorer.table(CALLS, reference=REF, per_allele=True, **kwargs)
    for given, first in ((windows, 0), (windows[:1], 0), (windows[5], 5)):
        tensors = scorer.tensors(given)
        kinds = np.array([w.batch.kind[0] for w in windows])
        _, scores = engine.run(dict(tensors), kinds[first + tensors.site])
        assert np.array_equal(scores, table["score"][first : first + len(scores)])
    assert len(scorer.tensors(windows).site) == len(table) == 295
    assert scorer.tensors(windows[::-1]).site.tolist()[:2] == [0, 1]


def test_windows_hold_what_is_around_a_site() -> None:
    _, windows = opened("reads")
    assert len(windows) == 294
    with pysam.VariantFile(str(CALLS)) as calls, pysam.FastaFile(str(REF)) as fasta:
        for window, record in zip(windows, calls, strict=True):
            assert (window.record.contig, window.record.pos) == (record.contig, record.pos)
            assert window.record.alt == ",".join(record.alts or ())
            first = max(window.start, 1)
            inside = fasta.fetch(record.contig, first - 1, window.start - 1 + len(window.reference))
            assert window.reference.strip(".") == inside.upper()
            assert window.annotations["QD"] == record.info.get("QD", window.annotations["QD"])
    window = windows[1]
    assert {read.name for read in window.reads} <= {
        read.query_name for read in pysam.AlignmentFile(str(READS)).fetch("synA", 275, 276)
    }
    assert 0 < sum(read.allele == 1 for read in window.reads) < len(window.reads)
    assert windows[-1].record.contig == "synB"
    with pytest.raises(IndexError, match="no window 294: there are 294, the first is 0"):
        windows[294]
    with pytest.raises(cnnscore.WrongType, match="a number, or a slice of them, not str"):
        windows["synA:276"]  # type: ignore[call-overload] # is wrong


@pytest.mark.parametrize("model", MODELS)
def test_an_explanation_is_of_the_score(model: str) -> None:
    scorer, windows = opened(model)
    kwargs: Any = {"reads": READS} if model == "reads" else {}
    scores = scorer.table(CALLS, reference=REF, **kwargs)["score"]
    explained = scorer.explain(windows[3], runs=100)
    assert explained.score == scores[3]
    axes = {"annotation", "variant"} | ({"row", "feature"} if model == "reads" else {"column"})
    assert set(explained.effects) == axes
    assert "DP" in explained.named() or "MQ" in explained.named()
    largest = [abs(effect) for effect in explained.named().values()]
    assert largest == sorted(largest, reverse=True)
    assert max(largest) > 0.01
    html = explained._repr_html_()
    assert '<img src="data:image/png;base64,iVBOR' in html
    assert repr(explained).startswith(f"<cnnscore.Explained: {windows[3].record.name} scores")


def test_windows_show_themselves() -> None:
    scorer, windows = opened("reads")
    assert repr(windows) == "<cnnscore.Windows: 294 sites for reads>"
    assert repr(windows[1]) == "<cnnscore.Window: synA:276:A:G, 21 reads>"
    assert "synA" in windows._repr_html_()
    assert "<td>21</td>" in windows[1]._repr_html_()
    tensors = scorer.tensors(windows[:4])
    assert "reads" in repr(tensors)
    assert "<th>reads</th>" in tensors._repr_html_()
    assert windows[1].plot().axes


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_module, "MOST_WINDOWS", 10)
    scorer = cnnscore.open("reference")
    with pytest.raises(cnnscore.UsageError, match=r"294 records: .* `region=`, .* `limit=`"):
        scorer.windows(CALLS, reference=REF)
    assert len(scorer.windows(CALLS, reference=REF, limit=12)) == 12


@pytest.mark.parametrize("wrong", [None, 3, "synA:276", [None], []], ids=str)
def test_what_is_no_window(wrong: Any) -> None:
    scorer = cnnscore.open("reference")
    with pytest.raises(cnnscore.UsageError):
        scorer.tensors(wrong)
    with pytest.raises(TypeError):
        scorer.explain(wrong)


def test_windows_are_drawn_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, ref, reads = (os.path.relpath(path) for path in (CALLS, REF, READS))
    scorer = cnnscore.open("reads")
    windows = scorer.windows(calls, reference=ref, reads=reads, limit=1)
    monkeypatch.chdir(tmp_path)
    assert len(windows[0].site().reads)


def test_windows_stay_in_their_process() -> None:
    windows = cnnscore.open("reference").windows(CALLS, reference=REF, limit=2)
    for held in (windows, windows[0]):
        with pytest.raises(cnnscore.WrongType, match="send the scorer, and read them there"):
            pickle.dumps(held)


def test_a_server_shows_nothing(servers: dict[str, Server]) -> None:
    with (
        cnnscore.open(servers["reference"].address) as scorer,
        pytest.raises(cnnscore.UsageError, match="open the network here"),
    ):
        scorer.windows(CALLS, reference=REF)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no {SHARED}")
@pytest.mark.usefixtures("gatk_models")
def test_gatks_networks(shared: Path) -> None:
    scorer = cnnscore.open("gatk-2d")
    windows = scorer.windows(CALLS, reference=REF, reads=READS, limit=2)
    tensors = scorer.tensors(windows)
    assert tensors["bases"].shape[0] == 2
    explained = scorer.explain(windows[0], runs=8)
    assert explained.score == scorer.table(CALLS, reference=REF, reads=READS)["score"][0]


def test_one_reader_draws_all_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are opened once, not at every site that is drawn."""
    _, windows = opened("reads")
    opens: list[ReaderOptions] = []

    def counted(options: ReaderOptions) -> WindowReader:
        opens.append(options)
        return WindowReader(options)

    monkeypatch.setattr(windows_module, "WindowReader", counted)
    found = [window.site() for window in windows[:5]]
    assert len(opens) == 1
    assert [site.record for site in found] == [window.record for window in windows[:5]]
    assert all(len(site.reads) for site in found)
