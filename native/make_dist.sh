#!/usr/bin/env bash
# make_dist.sh FOLDER: the source distribution and, from it unpacked, a wheel for each Python 3.11, 3.12 and
# 3.13 of this machine (on the PATH, or pyenv's), on the htslib of CNNSCORE_HTSLIB (build_htslib.sh), with the SBOM.
# CNNSCORE_WALKER is the jar for GATK. The tools are those of the `dist` extra.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(realpath -m "$1") bin=$PWD/.venv/bin
# Built twice, a wheel is the same to the byte: no time and no folder of the build is in it.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y pyproject.toml)}
export CNNSCORE_HTSLIB=${CNNSCORE_HTSLIB:-$PWD/.make/htslib}
rm -rf "$folder" && mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CFLAGS="${CFLAGS:-} -ffile-prefix-map=$work=." LDFLAGS="${LDFLAGS:-} -Wl,--build-id=none -Wl,--strip-all"
# Python's own way to link may name a folder of this machine (pyenv's does).
export LDSHARED="${CC:-gcc} -shared"

"$bin/python" -m build --sdist --outdir "$folder" . >"$work/sdist.log" 2>&1 || { tail -20 "$work/sdist.log" >&2; exit 1; }
tar -xzf "$folder"/cnnscore-*.tar.gz -C "$work"
for version in 3.11 3.12 3.13; do
  for python in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
    "$python" -m pip --version >"$work/pip" 2>"$work/none" || continue
    echo "wheel for Python $version"
    rm -rf "$work"/cnnscore-*/build
    "$python" -m pip -q wheel --disable-pip-version-check --no-deps -w "$work/$version" "$work"/cnnscore-*/ \
      2>"$work/log" || { tail -20 "$work/log" >&2; exit 1; }
    PATH=$bin:$PATH "$bin/python" -m auditwheel repair -w "$folder" "$work/$version"/*.whl >"$work/log" 2>&1 \
      || { tail -20 "$work/log" >&2; exit 1; }
    "$bin/python" native/sbom.py "$folder"/cnnscore-*-cp"${version/./}"-*.whl "$CNNSCORE_HTSLIB/components"
    break
  done
done
ls -l "$folder"
