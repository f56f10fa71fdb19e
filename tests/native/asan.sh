#!/usr/bin/env bash
# Native code under AddressSanitizer and UBSan: the tests that reach it, then the fuzzer.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=.make/asan
rm -rf "$work" && mkdir -p "$work"

echo "building the native modules with AddressSanitizer"
CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer" \
  .venv/bin/python -m pip -q install --disable-pip-version-check --no-deps --target "$work/site" .

# Python and ONNX Runtime are not instrumented: leaks are theirs, and the runtime comes first.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
  PYTHONPATH="$work/site" .venv/bin/python -c '
import sys, cnnscore._encode as module
assert "/asan/" in module.__file__, module.__file__
import pytest
sys.exit(pytest.main(sys.argv[1:]))' tests/unit/test_windows.py tests/property tests/native tests/cli

echo "fuzzing the encoders for ${FUZZ_SECONDS:-60} s"
clang -g -O1 -std=gnu11 -fsanitize=fuzzer,address,undefined -Inative/include -Inative/encode \
  native/encode/*.c tests/native/fuzz_encode.c -o "$work/fuzz_encode"
mkdir -p "$work/corpus"
ASAN_OPTIONS=detect_leaks=1 "$work/fuzz_encode" -max_total_time="${FUZZ_SECONDS:-60}" -print_final_stats=1 \
  "$work/corpus" tests/native/corpus 2>"$work/fuzz.log" || { tail -50 "$work/fuzz.log"; exit 1; }
grep -E "stat::(number_of_executed_units|average_exec)|cov:" "$work/fuzz.log" | tail -3
