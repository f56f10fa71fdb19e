"""`--precision`: refused with the reason, or written into the header; the same at all doors."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cnnscore.cli.doctor import ABSENT, OK, findings
from cnnscore.network import bf16
from conftest import DATA, run_cli
from hosts.amx import needs_amx
from hosts.plugin import plugin
from hosts.server import StartServer
from hosts.told import telling

CALLS, REFERENCE, READS = DATA / "calls.vcf.gz", DATA / "ref.fa", DATA / "reads.bam"
WORDS = "Precision=bf16"


def scored(out: Path, *options: object) -> bytes:
    """What the command writes."""
    inputs = (CALLS, "-R", REFERENCE, "--no-version", "--quiet")
    run = run_cli("score", *inputs, "-o", out, *options)
    assert run.code == 0, run.err
    return out.read_bytes()


def about_scores(text: bytes) -> list[str]:
    """The header lines that say what scores are."""
    starts = ("##cnnscore_model=", "##INFO=<ID=CNN_")
    return [line for line in text.decode().splitlines() if line.startswith(starts)]


def test_exact_says_nothing(tiny: dict[str, str], tmp_path: Path) -> None:
    plain = scored(tmp_path / "plain.vcf", "-m", tiny["reference"])
    asked = scored(tmp_path / "asked.vcf", "-m", tiny["reference"], "--precision", "exact")
    assert asked == plain
    assert "recision" not in "".join(about_scores(plain))


@pytest.mark.parametrize("door", ["score", "serve"])
def test_refused(
    door: str, tiny: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bf16, "cpu_flags", lambda: {"fpu"})
    files = (CALLS, "-R", REFERENCE, "-o", tmp_path / "out.vcf")
    inputs = files if door == "score" else ("--listen", f"unix:{tmp_path}/s")
    run = run_cli(door, *inputs, "-m", tiny["reference"], "--precision", "bf16")
    assert run.code == 1
    assert "--precision bf16 does not work here: this processor has no AMX" in run.err
    assert "take --precision exact" in run.err
    assert list(tmp_path.iterdir()) == []


def test_in_shards_it_is_refused_before_them(
    tiny: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bf16, "cpu_flags", lambda: {"fpu"})
    out = ("-o", tmp_path / "out.vcf", "--work", tmp_path / "work")
    run = run_cli(
        "score", CALLS, "-R", REFERENCE, "-m", tiny["reference"], *out, "--precision", "bf16"
    )
    assert run.code == 1
    assert "no AMX" in run.err
    assert not (tmp_path / "out.vcf").exists()


def test_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    def said() -> tuple[str, str]:
        (found,) = (one for one in findings() if one.what == "bf16")
        return found.state, found.found

    monkeypatch.setattr(bf16, "cpu_flags", lambda: {"fpu"})
    assert said() == (ABSENT, "this processor has no AMX for bf16 (amx_bf16 in /proc/cpuinfo)")
    monkeypatch.setattr(bf16, "cpu_flags", lambda: bf16.NEEDED_FLAGS)
    monkeypatch.setitem(sys.modules, "openvino", None)
    state, text = said()
    assert state == ABSENT
    assert "pip install" in text


def test_doctor_speaks_of_options(gatks_networks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_amx()
    monkeypatch.setenv("CNNSCORE_MODELS", str(gatks_networks))
    monkeypatch.setattr(bf16, "_kernels", lambda _: {"brgconv_avx512"})
    (found,) = (one for one in findings() if one.what == "bf16")
    assert found.state == ABSENT
    assert found.found.startswith("--precision bf16 does not work here: OpenVINO does not use")


def test_what_a_server_says_is_in_the_header(tmp_path: Path) -> None:
    """Of the command and the plugin, the same bytes."""
    with telling(tmp_path, "precision=bf16") as address:
        text = scored(tmp_path / "out.vcf", "--server", address)
        assert WORDS in about_scores(text)[1]
        by_plugin = plugin(CALLS, "-f", REFERENCE, "-m", address, "--no-version")
        assert (by_plugin.code, by_plugin.out) == (0, text), by_plugin.err
    for field in ("precision=", "precision=exact"):
        with telling(tmp_path, field) as address:
            text = scored(tmp_path / f"{field}.vcf", "--server", address)
            assert "recision" not in "".join(about_scores(text))


def test_a_server_that_says_another(tmp_path: Path) -> None:
    with telling(tmp_path, "precision=int8") as address:
        run = run_cli(
            "score", CALLS, "-R", REFERENCE, "-o", tmp_path / "out.vcf", "--server", address
        )
    assert run.code != 0
    assert "precision is 'int8', not one of exact, bf16" in run.err


# ---- where there is AMX


@pytest.mark.parametrize(("name", "key"), [("gatk-1d", "CNN_1D"), ("gatk-2d", "CNN_2D")])
def test_all_doors_write_the_same(
    name: str, key: str, gatks_networks: Path, tmp_path: Path, start: StartServer
) -> None:
    needs_amx()
    network = gatks_networks / f"{name}.onnx"
    reads = ("-I", READS) if name == "gatk-2d" else ()
    reduced = ("-m", network, "--precision", "bf16")
    text = scored(tmp_path / "1.vcf", *reads, *reduced, "--threads", 1)
    info, model = sorted(about_scores(text))
    assert info.startswith(f"##INFO=<ID={key},Number=1,Type=Float,")
    assert info.endswith(' (bf16)">')
    assert f"{WORDS}>" in model
    exact = scored(tmp_path / "exact.vcf", *reads, "-m", network)
    old_info, old_model = sorted(about_scores(exact))
    assert info == old_info.replace('">', ' (bf16)">')
    assert model == old_model.replace(">", f",{WORDS}>")
    assert scored(tmp_path / "2.vcf", *reads, *reduced, "--batch-size", 3) == text
    server = start(str(network), "--precision", "bf16")
    assert scored(tmp_path / "3.vcf", *reads, "--server", server.address) == text
    by_plugin = [word if word != "-I" else "-b" for word in reads]
    for options in (reduced, ("-m", server.address)):
        ran = plugin(CALLS, "-f", REFERENCE, *by_plugin, *options, "--no-version")
        assert (ran.code, ran.out) == (0, text), ran.err
    shards = ("--work", tmp_path / "work", "--shards", 3)
    assert scored(tmp_path / "4.vcf", *reads, *reduced, *shards) == text


def test_a_work_folder_of_another_precision(gatks_networks: Path, tmp_path: Path) -> None:
    needs_amx()
    network = ("-m", gatks_networks / "gatk-1d.onnx")
    folder = ("--work", tmp_path / "work", "--shards", 2)
    scored(tmp_path / "1.vcf", *network, *folder, "--keep-work")
    run = run_cli(
        "score", CALLS, "-R", REFERENCE, *network, *folder, "-o", tmp_path / "2.vcf",
        "--precision", "bf16", "--no-version",
    )  # fmt: skip
    assert run.code != 0
    assert "precision" in run.err


def test_doctor_where_it_works(gatks_networks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_amx()
    monkeypatch.setenv("CNNSCORE_MODELS", str(gatks_networks))
    (found,) = (one for one in findings() if one.what == "bf16")
    assert found == (OK, "bf16", "AMX, OpenVINO: --precision bf16 of gatk-1d")
