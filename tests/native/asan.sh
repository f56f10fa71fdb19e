#!/usr/bin/env bash
# Native code under AddressSanitizer and UBSan: the tests that reach it, the plugin in real bcftools,
# then the fuzzers, a minute or less each; FUZZ_PART is the part of their runs that is wanted, in percent.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=.make/asan
rm -rf "$work" && mkdir -p "$work"
python=.venv/bin/python
sanitize="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
runtime="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
# Python and ONNX Runtime are not instrumented: leaks are theirs, and the runtime comes first.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1

trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
# The library and the plugin are built beside the modules.
{ CFLAGS="$sanitize" LDFLAGS="$sanitize" $python native/build_shim.py "$work/lib" \
  && make -s -C plugin/bcftools OUT="$PWD/$work/plugins/cnnscore.so" LIBRARY="$PWD/$work/lib/libcnnscore.so" \
    CFLAGS="-g -O1 $sanitize"; } >"$work/library.log" 2>&1 & library=$!

echo "the Python modules"
# From a copy: objects of other builds, left in build/, would not be made anew.
mkdir "$work/source"
git ls-files -co --exclude-standard native python setup.py pyproject.toml README.md LICENSE NOTICE \
  | tar -cT - | tar -xC "$work/source"
CFLAGS="$sanitize" $python -m pip -q install --disable-pip-version-check --no-deps --target "$work/site" \
  "./$work/source"
LD_PRELOAD="$runtime" PYTHONPATH="$work/site" $python -c '
import sys, cnnscore._encode as module
assert "/asan/" in module.__file__, module.__file__
assert b"__asan_init" in open(module.__file__, "rb").read(), "not instrumented"
import pytest
sys.exit(pytest.main(sys.argv[1:]))' -n 3 --dist loadfile tests/unit/test_windows.py tests/unit/test_alleles.py \
  tests/unit/test_truth.py tests/property tests/native tests/api/test_{scorer,seen,table}.py \
  tests/cli/test_{bad_input,cohort,cohort_bad_input,cohort_files,cohort_filter,depth,file_names,filter,filter_bad_input,filter_cutoffs,odd_cigars,our_encodings,reads_that_count,score,shards}.py \
  -k "not plugin and not fuzz_target and not examples_run and not plain_depths and not no_depth and not other_doors \
    and not takes_urls and not other_processes and not is_quick" # nothing native of ours, or it has its turn below

echo "the plugin and the library"
wait "$library" || { cat "$work/library.log"; exit 1; }
LD_PRELOAD="$runtime" CNNSCORE_PLUGIN_DIR="$PWD/$work/plugins" CNNSCORE_LIBRARY= $python -m pytest -n 3 \
  tests/plugin/test_{plugin,plugin_cohort,expressions,intervals,long_read_doors,damaged,plugin_bad_input,scores_that_lack}.py \
  -k "not test_symbols and not one_htslib and not real_reads and not gatk_networks and not verbosity and not by_a_server \
    and not mutated_lists and (not command or equals_the_command)"
  # a build without sanitizers; minutes of a network's work; nothing native of ours
# fuzz NAME RUNS SOURCES...: from the corpus that is kept, anything new goes beside it. A number of
# runs and a seed, not a time: a change that passes once passes again.
fuzz() {
  local name=$1 runs=$(($2 * ${FUZZ_PART:-100} / 100)) && shift 2
  echo "fuzzing $name, $runs runs"
  clang -g -O1 -std=gnu11 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -Inative/include -Inative/encode \
    -Inative/window -Inative/records "$@" -o "$work/fuzz_$name"
  mkdir -p "$work/corpus_$name"
  ASAN_OPTIONS=detect_leaks=1 "$work/fuzz_$name" -runs="$runs" -seed=1 \
    -timeout=25 -print_final_stats=1 "$work/corpus_$name" "tests/native/corpus_$name" 2>"$work/$name.log" \
    || { tail -50 "$work/$name.log"; exit 1; }
  grep -E "DONE|stat::number_of_executed_units" "$work/$name.log"
}
fuzz encode 400000 native/encode/*.c tests/native/fuzz_encode.c -lm & encode=$!
CNNSCORE_VALGRIND=1 $python -m pytest tests/seam -k "valgrind or sanit"
fuzz reader 10000 native/encode/*.c native/window/*.c native/records/*.c tests/native/fuzz_reader.c -lhts -lm
wait "$encode"
