"""What computes, a provider of ONNX Runtime: its options, and how rows become calls of a network.

A CPU wants small calls, as deep as their deepest site: they stay in its caches. A GPU wants large
ones, of few shapes: it prepares kernels anew for each shape, and copies wait for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FAST, DIRECT, PLAIN = "fast", "direct", "plain"
"""Forms of a graph (keras_graph.py), whose scores agree to three decimals and better."""


def multiple(n: int, step: int) -> int:
    """The least multiple of `step` that is `n` or more."""
    return -(-n // step) * step


@dataclass(frozen=True)
class Sizes:
    """Of one encoding."""

    call: int
    """Rows per call of the network, where nobody says how many."""
    job: int
    """Sites that a worker reads, encodes and scores at a time."""


@dataclass(frozen=True)
class CallRules:
    """How rows become calls."""

    sizes: Mapping[str, Sizes]
    """By the name of the encoding."""
    form: str = FAST
    """Of the graph, where the network has more than one."""
    read_step: int = 1
    """Planes of gatk-reads have a multiple of so many rows."""
    least_rows: int = 0
    """Calls are padded to this, twice this, and so on; 0: they are as they are."""
    by_depth: bool = False
    """A call has sites of like depth alone (encode.padded_depth): each decides its own shape."""
    lanes: int = 0
    """Calls that may be under way, each in a session with pinned memory of its own: one copies
    while another computes. 0: one session, of which any thread makes calls."""

    def padded(self, rows: int) -> int:
        """Rows that a call of so many takes."""
        size = self.least_rows or rows
        while size < rows:
            size *= 2
        return size


@dataclass(frozen=True)
class Provider:
    """A provider as ONNX Runtime knows it."""

    name: str
    rules: CallRules
    options: Mapping[str, str] = field(default_factory=dict)
    behind: str | None = None
    """The provider, a key of PROVIDERS, of what this one leaves."""


_CPU = CallRules(
    # Large enough to fill the kernels, small enough for the caches.
    {
        "gatk-reference": Sizes(call=64, job=512),
        "gatk-reads": Sizes(call=4, job=128),
        "read-set": Sizes(call=64, job=512),
        "read-set-2": Sizes(call=64, job=512),
        "reference": Sizes(call=64, job=512),
    }
)
_GPU = CallRules(
    # By arithmetic, not yet by a stopwatch (tests/gpu/check.py): 10^11 products a call.
    {
        "gatk-reference": Sizes(call=512, job=1024),
        "gatk-reads": Sizes(call=64, job=256),
        "read-set": Sizes(call=1024, job=2048),
        "read-set-2": Sizes(call=1024, job=2048),
        "reference": Sizes(call=512, job=1024),
    },
    # Many small operations are what a GPU is slow at, and it has products to spare.
    form=DIRECT,
    read_step=16,
    least_rows=8,
    lanes=2,
)

BF16 = CallRules(
    # Measured: the least rows from which on a row takes no less time. Fewer shapes cost less than
    # what is padded: OpenVINO prepares kernels for each (0.2 s).
    {
        "gatk-reference": Sizes(call=32, job=512),
        "gatk-reads": Sizes(call=8, job=256),
    },
    form=DIRECT,
    read_step=16,
    by_depth=True,
)
"""Of a CPU in bf16 (bf16.py): every call has exactly so many rows."""

PROVIDERS = {
    "cpu": Provider("CPUExecutionProvider", _CPU),
    "cuda": Provider(
        "CUDAExecutionProvider",
        _GPU,
        {
            "use_tf32": "0",  # three decimals do not survive it
            # By default cuDNN tries all its kernels, for each shape anew.
            "cudnn_conv_algo_search": "HEURISTIC",
        },
    ),
    "tensorrt": Provider("TensorrtExecutionProvider", _GPU, behind="cuda"),
}
