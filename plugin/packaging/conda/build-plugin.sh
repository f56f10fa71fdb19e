#!/usr/bin/env bash
# The plugin lies in the package cnnscore, beside its library; bcftools looks in libexec/bcftools.
set -euo pipefail
mkdir -p "$PREFIX/libexec/bcftools"
ln -srf "$SP_DIR/cnnscore/lib/bcftools/cnnscore.so" "$PREFIX/libexec/bcftools/cnnscore.so"
