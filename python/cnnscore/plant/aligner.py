"""Reads aligned anew, and calls of them: the commands, ours or the user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from shlex import quote

from cnnscore.errors import BadInput, UsageError
from cnnscore.plant.tools import filled, need_program, run

BWA = "bwa index {reference} && bwa mem -p -K 10000000 -v 1 -t {threads} {reference} {reads}"
"""A batch of one size whatever the threads: the same alignments with any number of them."""

MPILEUP = (
    "bcftools mpileup -f {reference} -a AD,DP -d 8000 -L 8000 -m 2 -Q 5 {reads}"
    " | bcftools call -m -A -P 0.05 --ploidy {ploidy}"
    " | bcftools view -i 'ALT!=\".\" && MAX(FORMAT/AD[0:1-])>=2'"
)
FREEBAYES = (
    "freebayes -f {reference} -p {ploidy} -C 2 -F 0.05 --pooled-discrete"
    " --use-best-n-alleles 3 {reads}"
)
GATK = (
    "HaplotypeCaller -R {reference} -I {reads} -O {calls} -ploidy {ploidy} -stand-call-conf 0"
    " --native-pair-hmm-threads 1"
)
OF_ALIGNER = ("reference", "reads", "threads")
OF_CALLER = (*OF_ALIGNER, "calls", "ploidy")
"""What stands in braces in a command."""
KNOWN_CALLERS = {"bcftools": MPILEUP, "freebayes": FREEBAYES, "gatk": f"gatk {GATK}"}
"""Loose thresholds: a network learns from false calls too. bcftools gives each place where two
reads differ, as its own choice of variants leaves out nearly all artefacts of clean reads.
"""


def callers_of(asked: Iterable[str]) -> dict[str, str]:
    """Name -> command of what the user asks for: a known name, NAME=COMMAND, or gatk=FILE, which is
    GATK's launcher or its jar. Errors: UsageError for another name, or a program that lacks.
    """
    callers: dict[str, str] = {}
    for text in asked:
        name, is_given, command = text.partition("=")
        if not is_given:
            if name not in KNOWN_CALLERS:
                raise UsageError(
                    f"`caller={text}`: give {', '.join(KNOWN_CALLERS)}, or NAME=COMMAND of your own"
                )
            need_program(
                name, "give its launcher or jar, `caller=gatk=FILE`" if name == "gatk" else ""
            )
            command = KNOWN_CALLERS[name]
        elif name == "gatk" and Path(command).is_file():
            java = "java -jar " if command.endswith(".jar") else ""
            if java:
                need_program("java", "apt install openjdk-17-jre-headless")
            command = f"{java}{quote(str(Path(command).absolute()))} {GATK}"
        elif name == "gatk" and "{" not in command:
            raise UsageError(
                f"`caller={text}`: there is no file {command}, GATK's launcher or jar; a command "
                "of your own has {reads} in it"
            )
        if not name.replace("-", "_").isidentifier() or name in callers:
            raise UsageError(f"`caller={text}`: names are words, each given once")
        if "{reads}" not in command:
            raise UsageError(f"`caller={text}`: the command lacks {{reads}}, where the BAM goes")
        filled(command, "caller", dict.fromkeys(OF_CALLER, ""))
        callers[name] = command
    return callers


def check_aligner(template: str) -> None:
    """Errors: UsageError for a template without what it needs, or our own without bwa."""
    if template == BWA:
        need_program("bwa")
    for name in ("reference", "reads"):
        if f"{{{name}}}" not in template:
            raise UsageError(f"`aligner={template}` lacks {{{name}}}")
    filled(template, "aligner", dict.fromkeys(OF_ALIGNER, ""))


def align(
    template: str,
    reference: Path,
    fastq: Path,
    output: Path,
    sample: Mapping[str, str],
    threads: int,
) -> None:
    """Reads of a FASTQ, mates one after the other -> a BAM in the aligner's order. All reads are of
    one read group; the header does not say how it was made: equal reads make equal files.
    """
    command = filled(
        template,
        "aligner",
        {"reference": reference, "reads": fastq, "threads": str(threads)},
    )
    group = "@RG\\t" + "\\t".join(f"{key}:{value}" for key, value in sample.items())
    said = output.with_suffix(".said")
    # What samtools says of an aligner that failed would hide why: 141 is of one that it left alone.
    run(
        "the aligner",
        f"( {command} ) | samtools addreplacerg --no-PG -m overwrite_all -w -r {quote(group)}"
        f" -u -o {quote(str(output))} - 2> {quote(str(said))}\n"
        "aligner=${PIPESTATUS[0]} samtools=${PIPESTATUS[1]}\n"
        "(( aligner == 0 || aligner == 141 && samtools )) || exit $aligner\n"
        "(( samtools == 0 )) && exit\n"
        f'echo "cannot read what it printed: $(tail -n 1 {quote(str(said))})" >&2; exit $samtools',
    )
    said.unlink()


def sort_reads(aligned: Path, output: Path, threads: int) -> None:
    """By coordinate, with an index; @PG lines, which hold names of this run's files, go."""
    whole, header = output.with_suffix(".whole"), output.with_suffix(".header")
    run(
        "sorting the reads",
        f"samtools sort --no-PG -@ {threads} -T {quote(str(output))} -o {quote(str(whole))} -O bam"
        f" {quote(str(aligned))}"
        f" && samtools view --no-PG -H {quote(str(whole))} | sed '/^@PG/d' > {quote(str(header))}"
        f" && samtools reheader --no-PG {quote(str(header))} {quote(str(whole))}"
        f" > {quote(str(output))} && samtools index {quote(str(output))}",
    )
    whole.unlink()
    header.unlink()


def call_variants(
    name: str,
    template: str,
    reference: Path,
    reads: Path,
    output: Path,
    *,
    ploidy: int,
    threads: int,
) -> None:
    """Calls of one caller as an indexed .vcf.gz, without header lines of date and command."""
    raw = output.with_name(f"{name}.raw.vcf")
    values: dict[str, str | Path] = {
        "reference": reference,
        "reads": reads,
        "calls": raw,
        "ploidy": str(ploidy),
        "threads": str(threads),
    }
    command = filled(template, "caller", values)
    into = "" if "{calls}" in template else f" > {quote(str(raw))}"
    run(f"the caller {name}", f"( {command} ){into}")
    if not raw.exists():
        raise BadInput(f"the caller {name} wrote no {{calls}}: it must, or print them")
    run(
        f"reading the calls of {name}",
        f"bcftools view --no-version {quote(str(raw))}"
        r" | sed -E '/^##([A-Za-z_]*[Cc]ommand|reference=|fileDate=)/d'"
        f" | bcftools view --no-version -Oz -o {quote(str(output))}"
        f" && bcftools index -t {quote(str(output))}",
    )
    for left in raw.parent.glob(f"{raw.name}*"):
        left.unlink()
