"""The GATK walker beside `cnnscore score`: records per second in one run, JVM start excluded.

    python tests/bench/gatk.py bench-data        after `make gatk bench-data`

Each side starts a network of its own. The walker's seconds count from its first record to its last
(GATK's own start, about 5 s, is printed apart); the command's are those of its closing line.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

GOAL = 0.8
ENGINE = f"{sys.executable} -m cnnscore"
TURNS = 2  # the better of each side counts: the machine has other work
MODELS = {"gatk-1d": ("dense.vcf.gz", ""), "gatk-2d": ("sparse.vcf.gz", "30x.bam")}


def command_seconds(model: str, inputs: list[str], out: Path) -> float:
    """Seconds that `cnnscore score` says it took."""
    words = [*ENGINE.split(), "score", *inputs, "-m", model, "-o", str(out), "--threads", THREADS]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = re.search(r"scored in ([\d.]+) s", done.stderr)
    assert found, done.stderr
    return float(found[1])


def walker_seconds(model: str, inputs: list[str], out: Path) -> tuple[float, float]:
    """Seconds from `Starting traversal` to the last score, and those of the whole process."""
    walker, jars = os.environ["CNNSCORE_WALKER"], os.environ["CNNSCORE_GATK"]
    words = ["java", "-Xmx1g", "-cp", f"{walker}:{jars}/*", "org.cnnscore.gatk.Main"]
    words += ["CnnScoreVariants", "-V", *inputs, "--model", model, "-O", str(out)]
    words += ["--engine", f"{ENGINE} serve", "--intra-op-threads", THREADS]
    begin = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    whole = time.monotonic() - begin
    first, last = (_clock(done.stderr, words) for words in ("Starting traversal", "records scored"))
    return last - first, whole


def _clock(log: str, words: str) -> float:
    (line,) = [line for line in log.splitlines() if words in line]
    return datetime.strptime(line.split()[0], "%H:%M:%S.%f").timestamp()


THREADS = str(len(os.sched_getaffinity(0)))


def main() -> int:
    """Print one line per network; 1 when the goal is missed."""
    data = Path(sys.argv[1]) / "small"
    worst = 1e9
    with tempfile.TemporaryDirectory() as folder:
        for model, (calls, reads) in MODELS.items():
            inputs = [str(data / calls), "-R", str(data / "ref.fa")]
            inputs += ["-I", str(data / reads)] if reads else []
            ours, walker = [], []
            for _ in range(TURNS):
                ours.append(command_seconds(model, inputs, Path(folder) / "command.vcf.gz"))
                walker.append(walker_seconds(model, inputs, Path(folder) / "walker.vcf.gz"))
            command, (tool, whole) = min(ours), min(walker)
            worst = min(worst, command / tool)
            print(
                f"{model}: cnnscore score {command:.1f} s, walker {tool:.1f} s (with its start "
                f"{whole:.1f} s): {command / tool:.2f} of its speed",
                flush=True,
            )
    print(f"goal: {GOAL} of `cnnscore score`: {'met' if worst >= GOAL else 'MISSED'}")
    return 0 if worst >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
