"""Which file of each kind is mutated, how, and by which command lines it is read.

A command line runs in a folder with all inputs (fuzz/inputs.py), and FILE is the mutated one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from fuzz import layers
from fuzz.layers import Layer
from fuzz.mutations import mutated

CALLS = (".vcf.gz", ".bcf")


class Promise(Enum):
    """What an exit status of 0 says of the output."""

    SAME = "the output of the whole file"
    """The mutated bytes are under a checksum, or an index whose content can be checked."""
    RECORDS = "as many records as the calls have"
    """Where the mutated file is the calls: as it itself has."""
    NETWORKS = "a network that is listed"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Reading:
    """A command line that reads the file."""

    door: str
    words: str
    has_output: bool = True


@dataclass(frozen=True)
class Case:
    """A file and all that is done to it."""

    kind: str
    file: str
    layers: dict[Layer, Promise]
    readings: tuple[Reading, ...]

    def promise(self, layer: Layer, reading: Reading) -> Promise:
        """Whole content of another order read by an index of the old one: only that it ends."""
        found = self.layers[layer]
        by_index = " -r " in reading.words and self.file.endswith(CALLS)
        return Promise.NOTHING if found is Promise.RECORDS and by_index else found


GATK_READS, OURS, REFERENCE = (
    f"-m {name}.onnx --info-key FUZZED" for name in ("gatk-reads", "read-set", "gatk-reference")
)
KEY = "-k FUZZED"
ALL = "-r synA,synB"


def score(*lines: str) -> tuple[Reading, ...]:
    return tuple(Reading("score", f"score {line} --threads 1 --no-version") for line in lines)


def plugin(*lines: str) -> tuple[Reading, ...]:
    return tuple(Reading("plugin", f"{line} {KEY} --threads 1 --no-version") for line in lines)


def judged(*lines: str) -> tuple[Reading, ...]:
    return tuple(
        Reading("filter", f"filter {line} --info-key CNN_1D --no-version") for line in lines
    )


BELOW: dict[Layer, Promise] = {layers.blocks: Promise.RECORDS, layers.content: Promise.RECORDS}
UNPACKED: dict[Layer, Promise] = {mutated: Promise.SAME, **BELOW}


def of_calls(kind: str, name: str, done: dict[Layer, Promise]) -> Case:
    return Case(
        kind,
        name,
        done,
        (
            *score(f"FILE -R ref.fa {REFERENCE}", f"FILE -R ref.fa -I reads.bam {OURS}"),
            *score(f"FILE -R ref.fa {REFERENCE} {ALL}"),
            *plugin("FILE -f ref.fa -b reads.bam", f"FILE -f ref.fa -b reads.bam {ALL}"),
            *judged("FILE --threshold 0", f"FILE --resource known.{kind}"),
        ),
    )


def of_resource(kind: str) -> Case:
    return Case(kind, f"known.{kind}", UNPACKED, judged("calls.vcf.gz --resource FILE"))


def of_reads(file: str, *deep: Layer) -> Case:
    return Case(
        file.rpartition(".")[2],
        file,
        {mutated: Promise.SAME, **dict.fromkeys(deep, Promise.RECORDS)},
        (
            *score(
                f"calls.bcf -R ref.fa -I FILE {GATK_READS}", f"calls.bcf -R ref.fa -I FILE {OURS}"
            ),
            *plugin("calls.bcf -f ref.fa -b FILE"),
        ),
    )


def index_of_reads(index: str, *deep: Layer) -> Case:
    reads = index.rpartition(".")[0]
    return Case(
        index.rpartition(".")[2],
        index,
        dict.fromkeys((mutated, *deep), Promise.SAME),
        (
            *score(f"calls.bcf -R ref.fa -I {reads} {GATK_READS}"),
            *plugin(f"calls.bcf -f ref.fa -b {reads}"),
        ),
    )


def index_of_calls(index: str) -> Case:
    calls = index.rpartition(".")[0]
    return Case(
        index.rpartition(".")[2],
        index,
        {mutated: Promise.SAME, layers.content: Promise.SAME},
        (
            *score(f"{calls} -R ref.fa {REFERENCE} {ALL}", f"{calls} -R ref.fa {REFERENCE}"),
            *plugin(f"{calls} -f ref.fa -b reads.bam {ALL}", f"{calls} -f ref.fa -b reads.bam"),
            *judged(f"calls.vcf.gz --resource {calls}"),
        ),
    )


def of_reference(kind: str, fasta: str, index: str, *deep: Layer) -> Case:
    return Case(
        kind,
        index,
        {mutated: Promise.SAME, **dict.fromkeys(deep, Promise.RECORDS)},
        (
            *score(f"calls.vcf.gz -R {fasta} {REFERENCE}"),
            *score(f"calls.vcf.gz -R {fasta} -I reads.cram {OURS}"),
            *plugin(f"calls.vcf.gz -f {fasta} -b reads.bam"),
        ),
    )


def of_network(file: str, reads: str) -> Case:
    return Case(
        "onnx",
        file,
        {mutated: Promise.RECORDS, layers.protobuf: Promise.RECORDS},
        (
            *score(f"calls.vcf.gz -R ref.fa {reads} -m FILE --info-key FUZZED"),
            *judged("unnamed.vcf.gz --model FILE"),
            Reading(
                "real plugin", f"calls.vcf.gz -f ref.fa {reads.replace('-I', '-b')} -m FILE {KEY}"
            ),
        ),
    )


JAR = Reading("import", "model import FILE", has_output=False)

CASES = (
    of_calls("vcf.gz", "by_csi.vcf.gz", {mutated: Promise.SAME}),
    *(of_calls("vcf.gz", "calls.vcf.gz", UNPACKED), of_resource("vcf.gz")),
    of_calls("bcf", "packed.bcf", {mutated: Promise.SAME}),
    *(of_calls("bcf", "calls.bcf", UNPACKED), of_resource("bcf")),
    of_reads("by_csi.bam"),
    *(of_reads("reads.bam", layers.content), of_reads("reads.bam", layers.blocks, layers.content)),
    of_reads("reads.cram", layers.cram_parts, layers.cram_block, layers.cram_block),
    of_reference("fai", "ref.fa", "ref.fa.fai"),
    index_of_reads("reads.bam.bai"),
    *(index_of_calls("calls.vcf.gz.tbi"), index_of_calls("known.vcf.gz.tbi")),
    *(index_of_calls("by_csi.vcf.gz.csi"), index_of_calls("calls.bcf.csi")),
    index_of_reads("by_csi.bam.csi", layers.content),
    index_of_reads("reads.cram.crai", layers.gzip_content),
    *(of_network("gatk-reference.onnx", ""), of_network("read-set.onnx", "-I reads.bam")),
    Case(
        "jar", "tiny.jar", {mutated: Promise.NETWORKS, layers.zip_entry: Promise.NETWORKS}, (JAR,)
    ),
    of_reference("fa.gz", "small.fa.gz", "small.fa.gz", layers.content),
    of_reference("gzi", "small.fa.gz", "small.fa.gz.gzi"),
)
KINDS = tuple(dict.fromkeys(case.kind for case in CASES))
