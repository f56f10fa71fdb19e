"""The programs that planting runs: samtools, bcftools, an aligner, callers."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from cnnscore.errors import BadInput, UsageError
from cnnscore.programs import run_program

PACKAGES = {"samtools": "samtools", "bcftools": "bcftools", "bwa": "bwa", "freebayes": "freebayes"}
"""Program -> the package that has it, of Debian and of bioconda."""


def need_program(name: str, remedy: str = "") -> None:
    """Errors: UsageError when a program is not installed; it names its package, or the remedy."""
    if shutil.which(name) is None:
        raise UsageError(
            f"planting needs the program {name}, which is not installed: "
            + (remedy or f"apt install {PACKAGES[name]}, or conda install -c bioconda {name}")
        )


def run(what: str, command: str) -> str:
    """Run a shell command, pipes and all; what it printed. `what` says in messages what it is for.

    Errors: BadInput with the last line that it said when it fails.
    """
    need_program("bash", "apt install bash")
    done = run_program(["bash", "-c", f"set -o pipefail\n{command}"])
    if done.returncode == 0:
        return done.stdout
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    faults = [line for line in said if re.search(r"error|fail|not found|cannot|\[E::", line, re.I)]
    last = (faults or said or [f"exit status {done.returncode}"])[-1]
    raise BadInput(f"{what} failed: {last.removeprefix('bash: line 2: ')}")


def filled(template: str, option: str, values: Mapping[str, str | Path]) -> str:
    """The template of a user's command with `{name}` filled in, quoted for the shell.

    Errors: UsageError for a name that is not among `values`; other braces stay.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            known = ", ".join(f"{{{name}}}" for name in values)
            raise UsageError(f"`{option}={template}`: {match[0]} is none of {known}")
        return shlex.quote(str(values[match[1]]))

    return re.sub(r"(?<!\$)\{([a-z_]+)\}", value, template)
