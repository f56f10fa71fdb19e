#!/usr/bin/env bash
# Native code under AddressSanitizer and UBSan: the tests that reach it, the plugin in real bcftools,
# then the fuzzers. FUZZ_SECONDS for each of them (60).
set -euo pipefail
cd "$(dirname "$0")/../.."
work=.make/asan
rm -rf "$work" && mkdir -p "$work"
python=.venv/bin/python
sanitize="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
runtime="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
# Python and ONNX Runtime are not instrumented: leaks are theirs, and the runtime comes first.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1

echo "the Python modules"
CFLAGS="$sanitize" $python -m pip -q install --disable-pip-version-check --no-deps --target "$work/site" .
LD_PRELOAD="$runtime" PYTHONPATH="$work/site" $python -c '
import sys, cnnscore._encode as module
assert "/asan/" in module.__file__, module.__file__
import pytest
sys.exit(pytest.main(sys.argv[1:]))' tests/unit/test_windows.py tests/property tests/native tests/cli

echo "the plugin and the library"
CFLAGS="$sanitize" LDFLAGS="$sanitize" $python native/build_shim.py "$work/lib"
make -s -C plugin/bcftools OUT="$PWD/$work/plugins/cnnscore.so" LIBRARY="$PWD/$work/lib/libcnnscore.so" \
  CFLAGS="-g -O1 $sanitize"
LD_PRELOAD="$runtime" CNNSCORE_PLUGIN_DIR="$PWD/$work/plugins" CNNSCORE_LIBRARY= $python -m pytest tests/plugin \
  -k "not test_symbols" # which looks at a build without sanitizers
CNNSCORE_VALGRIND=1 $python -m pytest tests/seam -k "valgrind or sanit"

# fuzz NAME SOURCES...: from the corpus that is kept, anything new goes beside it.
fuzz() {
  local name=$1 && shift
  echo "fuzzing $name for ${FUZZ_SECONDS:-60} s"
  clang -g -O1 -std=gnu11 -fsanitize=fuzzer,address,undefined -Inative/include -Inative/encode \
    -Inative/window -Inative/records "$@" -o "$work/fuzz_$name"
  mkdir -p "$work/corpus_$name"
  ASAN_OPTIONS=detect_leaks=1 "$work/fuzz_$name" -max_total_time="${FUZZ_SECONDS:-60}" -seed=1 \
    -print_final_stats=1 "$work/corpus_$name" "tests/native/corpus_$name" 2>"$work/$name.log" \
    || { tail -50 "$work/$name.log"; exit 1; }
  grep -E "DONE|stat::number_of_executed_units" "$work/$name.log"
}
fuzz encode native/encode/*.c tests/native/fuzz_encode.c
