"""Which htslib a build takes, and what `cnnscore --version` says of it."""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import pytest

import backend
import htslib
import sbom
from cnnscore.calls.htslib import set_certificates
from cnnscore.network import runtime
from cnnscore.version import __version__
from conftest import run_cli


def headers(folder: Path, number: int) -> None:
    """An htslib of which there is a header alone, with its version."""
    (folder / "htslib").mkdir()
    (folder / "htslib" / "hts.h").write_text(
        f"#define HTS_VERSION {number}\nconst char *hts_version(void);\n"
    )


def test_the_system_s_htslib_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNNSCORE_HTSLIB", raising=False)
    found = htslib.find()
    assert (found.source, found.libraries, found.requires) == ("the system's", ["hts"], [])
    assert "pysam>=0.22" not in backend.get_requires_for_build_wheel()


def test_without_it_pysam_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNNSCORE_HTSLIB", raising=False)
    headers(tmp_path, 101500)
    monkeypatch.setenv("CPPFLAGS", f"-I{tmp_path}")
    assert not htslib.system_has_it()
    found = htslib.find()
    assert (found.source, found.requires) == ("pysam's", [f"pysam>={version('pysam')}"])
    assert any((Path(folder) / "htslib" / "vcf.h").exists() for folder in found.include)
    for hook in (backend.get_requires_for_build_wheel, backend.get_requires_for_build_editable):
        assert "pysam>=0.22" in hook()
    monkeypatch.setenv("CNNSCORE_HTSLIB", "system")
    with pytest.raises(SystemExit, match="libhts-dev"):
        htslib.find()


def test_a_new_enough_header_is_the_system_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers(tmp_path, 101600)
    monkeypatch.setenv("CPPFLAGS", f"-I{tmp_path}")
    assert htslib.system_has_it()
    monkeypatch.setenv("CC", str(tmp_path / "no-compiler"))
    assert not htslib.system_has_it()


def test_a_release_s_own_htslib_is_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").write_text("-l:libhts.a -lbz2\n")
    monkeypatch.setenv("CNNSCORE_HTSLIB", str(tmp_path))
    found = htslib.find()
    assert (found.source, found.requires) == ("built in", [])
    assert found.link == ["-l:libhts.a", "-lbz2", "-Wl,--exclude-libs,ALL"]


def test_version_names_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = run_cli("--version").out.splitlines()
    assert first == f"cnnscore {__version__}"
    assert second.startswith("htslib 1.")
    assert ", the system's: " in second
    for feature in ("libcurl (https, ftp)", "S3", "GCS", "libdeflate"):
        assert feature in second
    assert third.startswith("onnxruntime")
    monkeypatch.setattr(runtime, "distributions", dict)
    assert run_cli("--version").out.splitlines()[2] == "onnxruntime: not installed"


def test_certificates_of_other_distributions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURL_CA_BUNDLE", "")
    monkeypatch.delenv("CURL_CA_BUNDLE")
    there, absent = tmp_path / "there.crt", str(tmp_path / "absent.crt")
    there.touch()
    set_certificates(str(there), [str(there)])
    assert "CURL_CA_BUNDLE" not in os.environ
    set_certificates(absent, [absent])
    assert "CURL_CA_BUNDLE" not in os.environ
    set_certificates(absent, [absent, str(there)])
    assert os.environ["CURL_CA_BUNDLE"] == str(there)
    monkeypatch.setenv("CURL_CA_BUNDLE", "/the/user's")
    set_certificates(absent, [str(there)])
    assert os.environ["CURL_CA_BUNDLE"] == "/the/user's"


def test_the_sbom_of_a_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / "cnnscore-1-cp311-cp311-linux_x86_64.whl"
    metadata = (
        "Metadata-Version: 2.4\nName: cnnscore\nVersion: 1\nLicense-Expression: MIT\n"
        'Requires-Dist: numpy>=1.26\nRequires-Dist: torch>=2; extra == "train"\n'
    )
    with ZipFile(wheel, "w") as archive:
        archive.writestr("cnnscore/__init__.py", "")
        archive.writestr("cnnscore-1.dist-info/METADATA", metadata)
        record = "cnnscore/__init__.py,sha256=x,0\ncnnscore-1.dist-info/RECORD,,\n"
        archive.writestr("cnnscore-1.dist-info/RECORD", record)
    for _ in range(2):  # once more replaces it
        sbom.add(wheel, [("htslib", "1.24"), ("xz", "5.4.1")])
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        text = archive.read("cnnscore-1.dist-info/sboms/cnnscore.cdx.json")
        lines = archive.read("cnnscore-1.dist-info/RECORD").decode().splitlines()
    assert len(names) == len(set(names)) == 4
    assert [line for line in lines if line.endswith(f",{len(text)}")] == [lines[-2]]
    document = json.loads(text)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    parts = {part["name"]: part.get("version") for part in document["components"]}
    assert parts == {"htslib": "1.24", "xz": "5.4.1", "numpy": None}
    licences = [part.get("licenses") for part in document["components"]]
    assert licences == [
        [{"license": {"id": "MIT"}}],
        [{"license": {"name": "public domain"}}],
        None,
    ]
    (tree,) = document["dependencies"]
    assert set(tree["dependsOn"]) == {part["bom-ref"] for part in document["components"]}
