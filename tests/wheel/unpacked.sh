#!/usr/bin/env bash
# unpacked.sh [FOLDER]: the source distribution, made of what lies here and unpacked where no git and no clone is, passes
# `make test-core`. 3 GB in FOLDER ($TMPDIR), half an hour. A FOLDER that was given is kept.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(realpath -m "${1:-$(mktemp -d)}")
[ "$#" = 1 ] || trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"
"$root/.venv/bin/python" -m build --sdist --outdir "$folder" "$root" >"$folder/log" 2>&1 || { tail -20 "$folder/log" >&2; exit 1; }
tar -xzf "$folder"/cnnscore-*.tar.gz -C "$folder"
cd "$folder"/cnnscore-*/
! git rev-parse --git-dir 2>/dev/null || { echo "$folder lies in a git repository" >&2; exit 1; }
unset PYTHONPATH VIRTUAL_ENV BCFTOOLS_PLUGINS ${!CNNSCORE_*} MAKEFLAGS MAKELEVEL
make test-core
