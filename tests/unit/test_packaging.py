"""plugin/packaging and plugin/workflows say what the project is: its dependencies, its options."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from conftest import DATA, TESTS

yaml = pytest.importorskip("yaml", reason="needs PyYAML: run by `make test`")
jinja2 = pytest.importorskip("jinja2", reason="needs jinja2: run by `make test`")

ROOT = TESTS.parent
PACKAGING = ROOT / "plugin" / "packaging"
MODULES = sorted((ROOT / "plugin" / "workflows" / "nf-core").glob("*/main.nf"))
# conda's names of what PyPI calls otherwise.
CONDA = {"matplotlib-base": "matplotlib", "prometheus_client": "prometheus-client"}


def asked() -> dict[str, str]:
    """What the recipe should ask for: name -> version, as pyproject.toml has it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = list(project["dependencies"])
    for extra in ("view", "evaluate"):
        lines += project["optional-dependencies"][extra]
    found = (re.match(r"([\w.-]+)([><=]=?[\d.]+)", line) for line in lines)
    wanted = {match[1]: match[2] for match in found if match}
    del wanted["onnxruntime-gpu"]
    return wanted


def recipe() -> dict[str, Any]:
    def load_file_regex(load_file: str, regex_pattern: str, from_recipe_dir: bool) -> Any:
        assert from_recipe_dir
        return re.search(regex_pattern, (PACKAGING / "conda" / load_file).read_text())

    rendered = jinja2.Template((PACKAGING / "conda" / "meta.yaml").read_text()).render(
        load_file_regex=load_file_regex,
        compiler=lambda language: f"compiler-{language}",
        stdlib=lambda language: f"stdlib-{language}",
        pin_subpackage=lambda name, **_: name,
    )
    loaded: dict[str, Any] = yaml.safe_load(rendered)
    return loaded


def test_the_recipe_asks_for_what_the_project_asks_for() -> None:
    loaded = recipe()
    from cnnscore.version import __version__

    assert loaded["package"]["version"] == __version__
    command, plugin = loaded["outputs"]
    lines = [line.split() for line in command["requirements"]["run"]]
    held = {CONDA.get(words[0], words[0]): "".join(words[1:]) for words in lines}
    assert held.pop("python") == held.pop("htslib") == ""
    assert held == asked()
    assert plugin["requirements"]["run"] == ["python", "bcftools >=1.16", "cnnscore"]
    for output in loaded["outputs"]:
        script = PACKAGING / "conda" / output["script"]
        subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_recipe_keeps_biocondas_rules() -> None:
    """What `bioconda-utils lint` asks for, in words of our own: PyPI does not have it."""
    loaded = recipe()
    # The outputs are built, the whole is not: it needs nothing, and has a name of its own.
    assert set(loaded) == {"package", "source", "build", "outputs", "about", "extra"}
    assert set(loaded["build"]) == {"number", "skip"}
    assert loaded["package"]["name"] not in [output["name"] for output in loaded["outputs"]]
    about = loaded["about"]
    assert set(about) >= {"license", "summary"}
    assert len(about["summary"]) <= 120
    for file in about["license_file"]:
        assert (ROOT / file).exists()
    for output in loaded["outputs"]:
        assert output["build"]["run_exports"] == [output["name"]]
        assert output["test"]["commands"]
        needs = output["requirements"]
        assert set(needs) <= {"build", "host", "run"}
        for spec in (spec for specs in needs.values() for spec in specs):
            # A space before the version.
            assert re.fullmatch(r"[a-z0-9_.-]+( [<>=!]+[\d.]+)?", spec), spec
        built = {spec.split()[0] for spec in needs.get("build", [])}
        assert ("compiler-c" in built) == ("stdlib-c" in built)
        others = {spec.split()[0] for spec in needs["host"] + needs["run"]}
        assert not {"compiler-c", "stdlib-c", "gcc", "libgcc", "matplotlib"} & others
        assert "setuptools" not in {spec.split()[0] for spec in needs["run"]}
    # A link to what was compiled is of that platform and Python.
    assert loaded["extra"] == {"skip-lints": ["should_be_noarch_generic"]}


def test_the_image_copies_and_names_what_is_there() -> None:
    text = (PACKAGING / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", text, re.MULTILINE)
    assert len(stages) == 2
    assert re.findall(r"--from=(\w+)", text) == [stages[0][1]]
    assert re.findall(r"^USER (\w+)$", text, re.MULTILINE) == ["1000"]
    assert "--uid 1000" in text
    assert "/source/requirements-cpu.txt" in text
    assert (ROOT / "requirements-cpu.txt").exists()


def names(block: str) -> list[list[str]]:
    """The channels of a module's `input:` or `output:`, each a list of its elements."""
    return [
        re.findall(r"(?:val|path|eval)[ (]\(?(\"[^\"]*\"|'[^']*'|\w+)", line)
        for line in block.strip().splitlines()
    ]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.parent.name)
def test_a_module_is_what_its_description_says(module: Path) -> None:
    text = module.read_text()
    described = yaml.safe_load((module.parent / "meta.yml").read_text())
    name = f"cnnscore_{module.parent.name}"
    assert described["name"] == name
    # What nf-core's schema of this file asks for.
    assert {"description", "keywords", "tools", "authors", "output"} <= set(described)
    assert len(set(described["keywords"])) >= 3
    for tool in described["tools"]:
        (about,) = tool.values()
        assert {"homepage", "documentation", "tool_dev_url", "doi"} & set(about)
    assert f"process {name.upper()} {{" in text
    (block,) = re.findall(r"    input:\n(.*?)\n\n", text, re.DOTALL)
    told = [
        [key for part in (channel if isinstance(channel, list) else [channel]) for key in part]
        for channel in described["input"]
    ]
    assert names(block) == told
    emitted = re.findall(r"emit: (\w+)", text)
    assert emitted == list(described["output"])
    assert "topic: versions" in text
    assert list(described["topics"]) == ["versions"]
    tests = (module.parent / "tests" / "main.nf.test").read_text()
    assert 'options "-stub"' in tests
    # As `nf-core modules lint` wants them: the module's, and of those that make its inputs.
    used = re.findall(r'script "\.\./\.\./(\w+)/main\.nf"', tests)
    tags = {"modules", "modules_nfcore", "cnnscore", f"cnnscore/{module.parent.name}"}
    assert set(re.findall(r'tag "(.*)"', tests)) == tags | {f"cnnscore/{one}" for one in used}
    for path in re.findall(r"\$\{moduleDir\}/([^\"]+)\"", tests):
        assert (module.parent / path).exists(), path


def script(module: Path, part: str, values: dict[str, str]) -> str:
    """The shell commands of a module's `script:` or `stub:`, as Nextflow hands them to bash."""
    bodies: list[str] = re.findall(
        rf"    {part}:\n.*?\"\"\"\n(.*?)\"\"\"", module.read_text(), re.DOTALL
    )
    (body,) = bodies
    for key, value in values.items():
        body = body.replace(f"${{{key}}}", value)
    assert "${" not in body
    return body.replace("\\\\", "\\")


def test_the_modules_commands_run(tmp_path: Path) -> None:
    score, filtering = (
        module for name in ("score", "filter") for module in MODULES if module.parent.name == name
    )
    steps = [
        (
            score,
            {
                "vcf": f"{DATA}/calls.vcf.gz",
                "fasta": f"{DATA}/ref.fa",
                "reads_command": f"-I {DATA}/reads.bam",
                "network_command": "",
                "intervals_command": "",
                "prefix": "scored",
            },
        ),
        (filtering, {"vcf": "scored.vcf.gz", "resources_command": "", "prefix": "own"}),
        (
            filtering,
            {
                "vcf": "scored.vcf.gz",
                "resources_command": f"--resource {DATA}/truth.vcf.gz",
                "prefix": "known",
            },
        ),
    ]
    command = f'cnnscore() {{ "{sys.executable}" -m cnnscore "$@"; }}\n'
    for module, values in steps:
        body = script(module, "script", {"args": "", "task.cpus": "2", **values})
        run = ["bash", "-euo", "pipefail", "-c", command + body]
        subprocess.run(run, cwd=tmp_path, check=True, timeout=300)
        for suffix in ("vcf.gz", "vcf.gz.tbi"):
            assert (tmp_path / f"{values['prefix']}.{suffix}").stat().st_size > 0
    said = re.findall(r'eval\("(.*?)"\)', score.read_text())
    version = subprocess.check_output(
        ["bash", "-c", command + said[0]], text=True, timeout=300
    ).strip()
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", version)
    stub = script(score, "stub", {"prefix": "stub"})
    subprocess.run(["bash", "-euo", "pipefail", "-c", stub], cwd=tmp_path, check=True)
    assert (tmp_path / "stub.vcf.gz.tbi").exists()
