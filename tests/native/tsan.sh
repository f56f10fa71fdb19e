#!/usr/bin/env bash
# Native code under ThreadSanitizer: the C ABI in a C and in a Python host, the plugin in real bcftools, the
# command's readers, with several read files. tests/seam/test_races.py says what it can see.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=.make/tsan
rm -rf "$work" && mkdir -p "$work/source"
python=.venv/bin/python
sanitize="-fsanitize=thread -fno-omit-frame-pointer -g -O1"

# From a copy: objects of other builds, left in build/, would not be made anew.
git ls-files -co --exclude-standard native python setup.py pyproject.toml README.md LICENSE NOTICE \
  | tar -cT - | tar -xC "$work/source"
CFLAGS="$sanitize" $python -m pip -q install --disable-pip-version-check --no-deps --target "$work/site" \
  "./$work/source"
CFLAGS="$sanitize" LDFLAGS="$sanitize" $python native/build_shim.py "$work/lib"
make -s -C plugin/bcftools OUT="$PWD/$work/plugins/cnnscore.so" LIBRARY="$PWD/$work/lib/libcnnscore.so" \
  CFLAGS="$sanitize"
CNNSCORE_TSAN="$PWD/$work" $python -m pytest tests/seam/test_races.py
