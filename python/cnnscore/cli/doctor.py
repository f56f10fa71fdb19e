"""Say what is installed, which doors work here, and what to do about those that do not.

Each line is one thing: `ok`, `-` (not there, and only some need it) or `!!` (broken), what was
found, and the remedy. Exit code 2 when something is broken.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from shlex import join, quote
from typing import NamedTuple

from cnnscore.cli.naming import with_options
from cnnscore.errors import BadInput, UsageError

OK, ABSENT, BROKEN = "ok", "-", "!!"
# What the jar's manifest looks for (plugin/gatk/pom.xml).
PACKAGE = r"gatk(-package-4\.(5\.0|6\.[012])\.0-local)?\.jar"
OLDEST_BCFTOOLS, OLDEST_JAVA = (1, 16), 17


class Finding(NamedTuple):
    """One line."""

    state: str
    what: str
    found: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no options."""


def run(options: argparse.Namespace) -> None:
    """Print the findings."""
    broken = 0
    for finding in findings():
        print(f"{finding.state:<2}  {finding.what:<16} {finding.found}", flush=True)
        broken += finding.state == BROKEN
    if broken:
        raise BadInput(f"{broken} of the lines above say !!: their remedies stand beside them")


def findings() -> Iterator[Finding]:
    """What there is to say, in the order of a run."""
    from cnnscore.version import __version__

    yield Finding(OK, "cnnscore", f"{__version__}, Python {sys.version.split()[0]}, {sys.prefix}")
    yield _command()
    yield _packages()
    yield _native()
    yield _runtime()
    yield _cuda()
    yield _bf16()
    yield _networks()
    yield _bcftools()
    yield _library()
    yield _java()
    yield _server()


def _command() -> Finding:
    """What GATK's tool starts, when nothing else is said."""
    from cnnscore.version import __version__

    what, script = "cnnscore in PATH", shutil.which("cnnscore")
    if not script:
        engine = f"{quote(sys.executable)} -m cnnscore serve"
        return Finding(ABSENT, what, f"none: GATK's tool needs `--engine {quote(engine)}`")
    said = _first(_say(script, "--version"))
    if said == f"cnnscore {__version__}":
        return Finding(OK, what, script)
    if said.startswith("cnnscore "):
        return Finding(BROKEN, what, f"{script} is {said}: let that of this Python come first")
    # Scripts of pip name the Python that they were installed for.
    instead = f"`{quote(sys.executable)} -m cnnscore`"
    why = f"{script} does not start: was it moved? Use {instead}, or install cnnscore again"
    return Finding(BROKEN, what, why)


def _packages() -> Finding:
    """What cnnscore asks for, and how pip would bring what is missing or too old."""
    from importlib.metadata import PackageNotFoundError, version

    from cnnscore.extras import asked

    what, wrong, wanted = "Python packages", [], []
    try:
        lines = list(asked(""))
    except PackageNotFoundError:
        return Finding(ABSENT, what, "not known: pip did not install this cnnscore")
    for line in lines:
        name, least = line.split(">=")
        try:
            found = version(name)
        except PackageNotFoundError:
            wrong.append(f"no {name}")
        else:
            if _numbers(found) >= _numbers(least):
                continue
            wrong.append(f"{name} {found}")
        wanted.append(line)
    if wrong:
        return Finding(BROKEN, what, f"{', '.join(wrong)}: `pip install {join(wanted)}`")
    return Finding(OK, what, f"the {len(lines)} that cnnscore asks for")


def _numbers(version: str) -> list[int]:
    """Of a release, without the zeros at its end: "1.26.0rc1" -> [1, 26]."""
    release = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(number) for number in release[0].split(".")] if release else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def _native() -> Finding:
    try:
        importlib.import_module("cnnscore.calls.records")
        importlib.import_module("cnnscore.network.encode")
    except ImportError as error:
        return Finding(BROKEN, "native code", f"{error}: install cnnscore again")
    return Finding(OK, "native code", "records and windows (htslib), encodings")


def _runtime() -> Finding:
    from cnnscore.network.runtime import REPAIR, distributions, shadowed

    both = shadowed()
    if both:
        return Finding(BROKEN, "ONNX Runtime", both)
    try:
        importlib.import_module("cnnscore.network.session")
    except UsageError as error:
        return Finding(BROKEN, "ONNX Runtime", str(error))
    except ImportError as error:
        ours = (error.name or "onnxruntime").startswith("onnxruntime")
        return Finding(BROKEN, "ONNX Runtime", f"{error}: {REPAIR}" if ours else str(error))
    names = [f"{name} {number}" for name, number in distributions().items()]
    return Finding(OK, "ONNX Runtime", ", ".join(names))


def _cuda() -> Finding:
    from cnnscore.network.runtime import FOR_CUDA

    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Finding(ABSENT, "CUDA", "no NVIDIA driver here (libcuda.so.1): the CPU is used")
    try:
        ort = importlib.import_module("onnxruntime")
        providers = ort.get_available_providers()
    except (ImportError, AttributeError):
        return Finding(ABSENT, "CUDA", "not known without ONNX Runtime")
    if "CUDAExecutionProvider" not in providers:
        why = f"an ONNX Runtime for the CPU: {FOR_CUDA}"
        return Finding(ABSENT, "CUDA", f"a driver, but {why}")
    return _cuda_works()


def _cuda_works() -> Finding:
    """Opens a network: an ONNX Runtime that was built for CUDA may find no cuDNN."""
    from cnnscore.network.session import Session
    from cnnscore.network.store import bundled_folder

    try:
        Session(bundled_folder() / "reads.onnx", "cuda")
    except (BadInput, UsageError) as error:
        return Finding(ABSENT, "CUDA", f"a driver, but {error}; until then the CPU is used")
    return Finding(OK, "CUDA", "a driver, and a network that runs on it")


def _bf16() -> Finding:
    """What --precision bf16 wants: a processor, a package, one of GATK's networks."""
    what = "bf16"
    try:
        from cnnscore.network.bf16 import Bf16Network, lacking, openvino
        from cnnscore.network.session import Session
        from cnnscore.network.store import form_path, models_folder
    except (ImportError, UsageError):
        return Finding(ABSENT, what, "not known without ONNX Runtime")
    if why := lacking():
        return Finding(ABSENT, what, why)
    try:
        openvino()
        for path in sorted(models_folder().glob("gatk-*.onnx")):
            if form_path(path, Bf16Network.rules.form).is_file():
                Session(path, "cpu", precision="bf16")
                return Finding(OK, what, f"AMX, OpenVINO: --precision bf16 of {path.stem}")
    except (BadInput, UsageError) as error:
        return Finding(ABSENT, what, with_options(str(error)))
    return Finding(ABSENT, what, "AMX, OpenVINO, but none of GATK's networks, whom alone it helps")


def _networks() -> Finding:
    from cnnscore.network.store import installed_models

    names = [path.stem for path in installed_models()]
    if not names:
        return Finding(BROKEN, "networks", "none: install cnnscore again")
    missing = [name for name in ("gatk-1d", "gatk-2d") if name not in names]
    hint = "; GATK's: `cnnscore model import gatk-4.6.0.0.jar`" if missing else ""
    return Finding(OK, "networks", ", ".join(names) + hint)


def _bcftools() -> Finding:
    from cnnscore.doors import plugin

    try:
        path = plugin()
    except UsageError as error:
        return Finding(ABSENT, "bcftools plugin", str(error))
    if not shutil.which("bcftools"):
        return Finding(ABSENT, "bcftools plugin", "no bcftools in PATH: install 1.16 or later")
    said = _say("bcftools", "--version")
    version = re.match(r"bcftools (\d+)\.(\d+)", said)
    if not version or tuple(map(int, version.groups())) < OLDEST_BCFTOOLS:
        return Finding(BROKEN, "bcftools plugin", f"{_first(said)}: install 1.16 or later")
    env = {**os.environ, "BCFTOOLS_PLUGINS": str(path.parent)}
    told = _say("bcftools", "plugin", "-lv", env=env)
    if not re.search(r"^-- cnnscore --", told, re.MULTILINE):
        return Finding(BROKEN, "bcftools plugin", f"{_first(said)} does not load {path}")
    if str(path.parent) in os.environ.get("BCFTOOLS_PLUGINS", "").split(":"):
        return Finding(OK, "bcftools plugin", f"{_first(said)}, {path}")
    return Finding(OK, "bcftools plugin", f'{_first(said)}; first: eval "$(cnnscore env)"')


def _library() -> Finding:
    from cnnscore.doors import library

    try:
        path = library()
    except UsageError as error:
        return Finding(ABSENT, "libcnnscore.so", str(error))
    if not _libpython():
        return Finding(
            BROKEN,
            "libcnnscore.so",
            "this Python has no shared library, which the plugin and C programs need: Debian: apt "
            "install libpython3; pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install",
        )
    return Finding(OK, "libcnnscore.so", str(path))


def _libpython() -> bool:
    """Where native/shim/environment.c looks, too."""
    name = f"libpython{sysconfig.get_config_var('LDVERSION')}.so.1.0"
    folders = ("lib", f"lib/{sysconfig.get_config_var('MULTIARCH')}", "lib64")
    return any(Path(sys.base_prefix, folder, name).exists() for folder in folders)


def _java() -> Finding:
    from cnnscore.doors import walker

    try:
        path = walker()
    except UsageError as error:
        return Finding(ABSENT, "GATK", str(error))
    if not shutil.which("java"):
        return Finding(ABSENT, "GATK", "no java in PATH: install 17 or later")
    said = _say("java", "-version")
    version = re.search(r'version "(\d+)', said)
    if not version or int(version[1]) < OLDEST_JAVA:
        return Finding(BROKEN, "GATK", f"{_first(said)}: install Java 17 or later")
    return _gatk(f"Java {version[1]}", path)


def _gatk(java: str, walker: Path) -> Finding:
    """The GATK that the tool would run in: what lies beside the jar, or GATK's own script."""
    local = Path(os.environ.get("GATK_LOCAL_JAR") or walker)
    for jar in (local, walker):
        for package in sorted(jar.parent.glob("gatk*.jar")):
            if jar.name == walker.name and re.fullmatch(PACKAGE, package.name):
                return Finding(OK, "GATK", f"{java}, {jar}, with {package.name} beside it")
    script = shutil.which("gatk")
    if not script:
        return Finding(
            ABSENT, "GATK", f"{java}, but no `gatk` in PATH: install 4.5.0.0 or later for {walker}"
        )
    folder = Path(script).resolve().parent
    return Finding(
        ABSENT,
        "GATK",
        f"{java}, {script} without the tool: `ln -s {quote(str(walker))} {quote(str(folder))}`, "
        f"then `export GATK_LOCAL_JAR={quote(str(folder / walker.name))}`",
    )


def _server() -> Finding:
    from cnnscore.cli.serve import NEEDED
    from cnnscore.extras import remedy

    missing = []
    for module in NEEDED:
        try:
            importlib.import_module(module)
        except ImportError:
            missing.append(module)
    if missing:
        needs = f"no {', '.join(missing)}: {remedy('')} (GATK needs it too)"
        return Finding(ABSENT, "server", needs)
    return Finding(OK, "server", "cnnscore serve")


def _say(*command: str, env: dict[str, str] | None = None) -> str:
    """What a command prints, on either stream."""
    try:
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stdout + done.stderr


def _first(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no answer"
