"""`cnnscore --version`: the version, and those of the libraries that decide what can be read."""

from __future__ import annotations

from cnnscore.version import __version__


def text() -> str:
    """Three lines: cnnscore, htslib with what it was built with, ONNX Runtime."""
    return f"cnnscore {__version__}\n{htslib()}\n{onnx_runtime()}"


def htslib() -> str:
    """Its version, whose it is, and its features."""
    try:
        from cnnscore.calls.htslib import htslib_features, htslib_source, htslib_version
    except ImportError as error:
        return f"htslib: {error}"
    features = htslib_features()
    if "libcurl" in features:
        features[features.index("libcurl")] = "libcurl (https, ftp)"
    return f"htslib {htslib_version()}, {htslib_source()}: {', '.join(features) or 'no features'}"


def onnx_runtime() -> str:
    """Each distribution of it that is installed: there should be one."""
    from cnnscore.network.runtime import distributions

    found = [f"{name} {number}" for name, number in distributions().items()]
    return ", ".join(found) or "onnxruntime: not installed"
