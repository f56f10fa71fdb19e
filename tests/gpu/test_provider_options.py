"""Options that ONNX Runtime's own providers read, on a machine without a GPU: none is unknown."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cnnscore.network.providers import PROVIDERS
from hosts.no_gpu import providers_folder, write_stand_ins

# Added to the table, or nothing; then the network is opened.
_OPEN = """
import sys
from pathlib import Path
from cnnscore.errors import UsageError
from cnnscore.network import providers, session
provider, network, name, value = sys.argv[1:]
if name:
    providers.PROVIDERS["cuda"].options[name] = value
    if provider == "tensorrt":
        own = session.tensorrt_options
        session.tensorrt_options = lambda *given: {**own(*given), name: value}
try:
    session.Session(Path(network), provider)
except UsageError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (providers_folder() / "libonnxruntime_providers_tensorrt.so").is_file():
        pytest.skip("this ONNX Runtime is for CPUs alone: it reads no options of others")
    if not (shutil.which("gcc") and shutil.which("nm")):
        pytest.skip("needs gcc and binutils, for stand-ins of CUDA's libraries")
    folder = tmp_path_factory.mktemp("no-gpu")
    write_stand_ins(folder)
    return folder


def said(
    libraries: Path, tmp_path: Path, provider: str, network: str, name: str = "", value: str = ""
) -> str:
    env = {**os.environ, "LD_LIBRARY_PATH": str(libraries), "XDG_CACHE_HOME": str(tmp_path)}
    # In place of CUDA's own from pip, which a developer's environment may have.
    code = "import onnxruntime; onnxruntime.preload_dlls = lambda: None\n" + _OPEN
    command = [sys.executable, "-c", code, provider, network, name, value]
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("kind", ["reads", "reference"])
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_all_options_are_taken(
    libraries: Path, tiny: dict[str, str], tmp_path: Path, provider: str, kind: str
) -> None:
    """The provider gets as far as the device, which there is not."""
    text = said(libraries, tmp_path, provider, tiny[kind])
    assert "ExecutionProvider does not work here" in text
    assert "CUDA failure 100" in text
    folder = f"delete {tmp_path}/cnnscore/tensorrt/"
    assert (folder in text) == (provider == "tensorrt")


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("cudnn_conv_algo_serach", "HEURISTIC"), ("trt_profile_least_shapes", "a:1")],
)
def test_an_option_that_there_is_not(
    libraries: Path, tiny: dict[str, str], tmp_path: Path, provider: str, name: str, value: str
) -> None:
    """So a name that was mistyped in the table would show."""
    text = said(libraries, tmp_path, provider, tiny["reads"], name, value)
    assert "CUDA failure" not in text
    assert name in text


def test_a_value_that_there_is_not(libraries: Path, tiny: dict[str, str], tmp_path: Path) -> None:
    text = said(libraries, tmp_path, "cuda", tiny["reads"], "cudnn_conv_algo_search", "HEURISTICS")
    assert "CUDA failure" not in text
    assert "cudnn_conv_algo_search" in text


def test_tensorrt_has_cuda_behind_it() -> None:
    """What TensorRT does not know would else run on the CPU."""
    assert PROVIDERS["tensorrt"].behind == "cuda"
    assert PROVIDERS["cuda"].options["use_tf32"] == "0"
