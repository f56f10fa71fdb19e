#!/usr/bin/env bash
# lowest.sh: an environment with the lowest versions of what cnnscore[view,evaluate] asks for, the clone's code
# installed into it, and tests of the main job, the formats and the networks.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
uv=$PWD/.venv/bin/uv
"$uv" pip compile -q --resolution lowest-direct --python-version 3.11 --extra view --extra evaluate \
  pyproject.toml -o "$work/lowest.txt"
grep -E '^[a-z]' "$work/lowest.txt"
"$uv" venv -q --seed --python "${PYTHON:-.venv/bin/python}" "$work/environment"
python=$work/environment/bin/python
# The tools of the tests at their newest.
"$uv" pip install -q --python "$python" -r "$work/lowest.txt" pytest hypothesis pysam 'setuptools>=77'
"$python" -m pip -q install --disable-pip-version-check --no-deps --no-build-isolation .
# From a folder without the package, so that it is the installed one.
mkdir "$work/clone" && cp -r tests pyproject.toml python native plugin docs README.md "$work/clone" && cd "$work/clone"
export CNNSCORE_MODELS='' CNNSCORE_LIBRARY='' CNNSCORE_PLUGIN_DIR=''
"$python" -P -c 'import cnnscore, numpy; print(cnnscore.__file__, "with numpy", numpy.__version__)'
# What old packages are warned of by others is not ours.
old=(-W default::DeprecationWarning -W default::PendingDeprecationWarning -W default::FutureWarning)
"$python" -P -m pytest -o addopts=-q -p no:cacheprovider "${old[@]}" tests/unit/test_{records,windows,session,messages,metrics,output,annotations}.py \
  tests/property tests/cli/test_{score,filter,filter_cutoffs,depth,evaluate,view}.py
