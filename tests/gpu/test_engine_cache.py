"""What TensorRT is told, and the folder of what it builds."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnscore.errors import UsageError
from cnnscore.network import engine_cache, lanes
from cnnscore.network.encode import Planes
from cnnscore.network.engine_cache import cache_folder, tensorrt_options
from cnnscore.network.providers import PROVIDERS
from cnnscore.network.session import Session

RULES = PROVIDERS["tensorrt"].rules


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def options_of(tiny: dict[str, str], **changes: Any) -> dict[str, str]:
    session = Session(Path(tiny["reads"]), "cpu")
    shapes = {entry.name: entry.shape for entry in session._session.get_inputs()}
    given = {"batch_size": 64, "content": b"a network", "runtime": "1.31.1", **changes}
    return tensorrt_options(session.manifest, shapes, RULES, **given)


def test_profiles_name_every_input(tiny: dict[str, str]) -> None:
    options = options_of(tiny)
    for name, rows, reads in (("min", 8, 16), ("opt", 64, 48), ("max", 64, 128)):
        shapes = dict(part.split(":") for part in options[f"trt_profile_{name}_shapes"].split(","))
        assert shapes == {
            "bases": f"{rows}x{reads}x128",
            "quals": f"{rows}x{reads}x128",
            "rows": f"{rows}x{reads}x2",
            "reference": f"{rows}x128",
            "annotations": f"{rows}x7",
        }


def test_calls_lie_within_the_profile(tiny: dict[str, str]) -> None:
    """Any call of a run has a shape that TensorRT was built for."""
    options = options_of(tiny, batch_size=100)
    least, most = (
        int(options[f"trt_profile_{name}_shapes"].split("annotations:")[1].split("x")[0])
        for name in ("min", "max")
    )
    assert all(least <= RULES.padded(n) <= most for n in range(1, 101))


def test_the_folder_is_the_users_alone(tiny: dict[str, str], cache: Path) -> None:
    folder = Path(options_of(tiny)["trt_engine_cache_path"])
    assert folder.parent == cache / "cnnscore" / "tensorrt"
    for part in (folder, folder.parent, folder.parent.parent):
        assert part.stat().st_mode & 0o777 == 0o700


def test_another_network_version_or_shape_has_another_folder(
    tiny: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = options_of(tiny)["trt_engine_cache_path"]
    assert options_of(tiny)["trt_engine_cache_path"] == first
    changes: list[dict[str, Any]] = [
        {"content": b"another"},
        {"runtime": "1.32.0"},
        {"batch_size": 128},
    ]
    folders = {options_of(tiny, **change)["trt_engine_cache_path"] for change in changes}
    for name in ("__version__", "_tensorrt_version"):
        with monkeypatch.context() as patch:
            patch.setattr(engine_cache, name, "9" if name == "__version__" else lambda: "9")
            folders.add(options_of(tiny)["trt_engine_cache_path"])
    assert len(folders | {first}) == 6


def test_a_folder_that_others_may_write_is_refused(cache: Path) -> None:
    cache_folder(["x"])
    (cache / "cnnscore" / "tensorrt").chmod(0o777)
    with pytest.raises(UsageError, match=r"may be written by others: `chmod go-w .*tensorrt`"):
        cache_folder(["x"])


def test_a_link_is_no_folder_of_ones_own(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    cache.mkdir()
    (cache / "cnnscore").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is no folder of your own"):
        cache_folder(["x"])


def test_a_file_in_its_place(cache: Path) -> None:
    cache.mkdir()
    (cache / "cnnscore").touch()
    with pytest.raises(UsageError, match=r"no folder for what TensorRT builds|no folder of your"):
        cache_folder(["x"])


def test_a_relative_name_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder(["x"]).is_relative_to(tmp_path / "home" / ".cache")
    assert not (tmp_path / "here").exists()


# ---- pinned memory

_RUNTIME = """
#include <stdlib.h>
int live, asked;
int cudaHostAlloc(void **p, size_t n, unsigned flags) {
    if (n > 1u << 30) return 2;
    *p = malloc(n);
    live++, asked += flags == 1;
    return 0;
}
int cudaFreeHost(void *p) { free(p); live--; return 0; }
"""


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    if not shutil.which("gcc"):
        pytest.skip("needs gcc")
    source, library = tmp_path / "cudart.c", tmp_path / "libcudart.so"
    source.write_text(_RUNTIME)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    monkeypatch.setattr(lanes, "CUDA_RUNTIMES", (str(library),))
    return lanes._cuda_runtime()


def test_pinned_memory_lives_as_long_as_its_last_view(runtime: Any) -> None:
    live = ctypes.c_int.in_dll(runtime, "live")
    memory = lanes.pinned(64)
    view = memory[:32].view(np.float32).reshape(2, 4)
    view[:] = 7
    assert live.value == 1
    del memory
    assert view.sum() == 56
    assert live.value == 1
    del view
    assert live.value == 0
    with pytest.raises(MemoryError, match="CUDA error 2"):
        lanes.pinned(1 << 31)


def test_a_network_in_pinned_memory(runtime: Any, tiny: dict[str, str]) -> None:
    live = ctypes.c_int.in_dll(runtime, "live")
    session = Session(Path(tiny["reference"]), "cpu")
    turns = lanes.Lanes([session._session], lanes.pinned)
    planes: Planes = {
        "reference": np.zeros((3, 128), np.uint8),
        "annotations": np.ones((3, 7), np.float32),
    }
    with turns.free() as lane:
        found = lane.call("probabilities", planes, 8, None)
    np.testing.assert_array_equal(found[:3], session.run(planes))
    assert live.value == 2
    del turns, lane
    assert live.value == 0


def test_no_cuda_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "CUDA_RUNTIMES", ("libcudart.so.0",))
    with pytest.raises(MemoryError, match=r"no pinned memory: none of libcudart\.so\.0 is loaded"):
        lanes.pinned(8)


def test_a_home_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", _no_home)
    with pytest.raises(UsageError, match=r"\$XDG_CACHE_HOME"):
        cache_folder(["x"])
    assert "XDG_CACHE_HOME" not in os.environ


def _no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")
