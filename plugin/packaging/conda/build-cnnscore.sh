#!/usr/bin/env bash
# conda-build runs it in the source's folder. The htslib is conda's, so bcftools, samtools and cnnscore share one.
set -euo pipefail
export CNNSCORE_HTSLIB=system
export CPPFLAGS="${CPPFLAGS:-} -I$PREFIX/include" LDFLAGS="${LDFLAGS:-} -L$PREFIX/lib -Wl,-rpath,$PREFIX/lib"
"$PYTHON" -m pip install . --no-deps --no-build-isolation -vv
