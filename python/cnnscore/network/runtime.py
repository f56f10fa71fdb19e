"""Which ONNX Runtime is installed: its two distributions fill one folder, and damage each other."""

from __future__ import annotations

GPU, CPU = "onnxruntime-gpu", "onnxruntime"
REPAIR = (
    f"`pip uninstall -y {CPU} {GPU}`, then `pip install {GPU}` (or `{CPU}` where there is no GPU)"
)
FOR_CUDA = f"`pip uninstall -y {CPU}`, then `pip install 'cnnscore[cuda]'`"


def distributions() -> dict[str, str]:
    """Those installed in this environment: name -> version."""
    # Each run imports this module, and few ask.
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in (GPU, CPU):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def damage(loaded: object) -> str | None:
    """What is wrong with the module `onnxruntime` as it was loaded, with the remedy; or None."""
    if not hasattr(loaded, "InferenceSession"):
        return (
            "ONNX Runtime is installed in part only, as after `pip uninstall` of one of its two "
            f"distributions ({CPU}, {GPU}): {REPAIR}"
        )
    return None


def shadowed() -> str | None:
    """What is wrong where both are installed, with the remedy; or None."""
    if len(distributions()) < 2:
        return None
    return (
        f"both {CPU} and {GPU} are installed, the files of one over those of the other, so CUDA "
        f"may be missing: {REPAIR}"
    )
