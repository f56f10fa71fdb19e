#!/usr/bin/env bash
# build_bcftools.sh FOLDER: FOLDER/bcftools, the newest release that can be had here: its source and htslib's lie in
# pysam's source distribution, htslib was built by native/build_htslib.sh (`make dist` does).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
htslib=${CNNSCORE_HTSLIB:-$root/.make/htslib} out=$(realpath -m "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
tar -xzf "$htslib"/pysam-*.tar.gz -C "$work" --strip-components=1 --wildcards '*/bcftools' '*/htslib/version.sh'
cd "$work/bcftools"
version=$(sed -n 's/^VERSION=//p' version.sh | head -1)
echo "#define BCFTOOLS_VERSION \"$version\"" >version.h
printf '#define ENABLE_BCF_PLUGINS 1\n#define PLUGIN_EXT ".so"\n' >config.h
rm -f ./*.pysam.c
ls ./*.c | xargs -P 2 -I {} gcc -O1 -w -I. -I"$htslib/include" -include config.h -c {}
# Plugins take htslib's functions from the program, all of them.
gcc -rdynamic ./*.o -L"$htslib/lib" -Wl,--whole-archive -l:libhts.a -Wl,--no-whole-archive \
  $(sed 's/-l:libhts.a//' "$htslib/link") -ldl -lm -lpthread -o "$out/bcftools"
"$out/bcftools" --version-only
