#!/usr/bin/env bash
# install_tree.sh: `make install` into a new PREFIX with files of others in it. Moved, it runs without the clone; after
# `make uninstall` the others' files are what is left.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
data=$root/tests/data/synthetic
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
first=$work/first prefix=$work/moved
mkdir -p "$first"/{libexec/bcftools,share/man/man1,lib,bin}
touch "$first"/{libexec/bcftools/other.so,share/man/man1/other.1,lib/libother.so,bin/other}
(cd "$first" && find . | sort) >"$work/before"
make -s -C "$root" install PREFIX="$first"
mv "$first" "$prefix"
unset PYTHONPATH VIRTUAL_ENV ${!CNNSCORE_*}
cd "$work"
inputs=(-R "$data/ref.fa" -I "$data/reads.bam")
ln -s "$prefix/bin/cnnscore" linked
./linked score "$data/calls.vcf.gz" "${inputs[@]}" --quiet -o command.vcf.gz
BCFTOOLS_PLUGINS=$prefix/libexec/bcftools bcftools +cnnscore "$data/calls.vcf.gz" -f "$data/ref.fa" -b "$data/reads.bam" \
  -Oz -o plugin.vcf.gz
"$root/.venv/bin/python" -m cnnscore score "$data/calls.vcf.gz" "${inputs[@]}" --quiet -o clone.vcf.gz
for calls in clone command plugin; do
  bcftools query -f '%CHROM %POS %REF %ALT %INFO/CNN_READS\n' "$calls.vcf.gz" >"$calls.scores"
  cmp clone.scores "$calls.scores"
done
[ "$(wc -l <clone.scores)" = 294 ]
cc "$root/native/examples/score_one.c" $(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs cnnscore) -o score_one
LD_LIBRARY_PATH=$prefix/lib ./score_one reference
grep -q '^\.TH' "$prefix/share/man/man1/cnnscore-score.1"
bash -c "source '$prefix/share/bash-completion/completions/cnnscore' && complete -p cnnscore" >"$work/complete"
if grep -rIl "$root\|$first" "$prefix/bin/cnnscore" "$prefix/share" "$prefix/lib/pkgconfig"; then
  echo "the files above name the clone, or where the tree was" >&2
  exit 1
fi
make -s -C "$root" uninstall PREFIX="$prefix"
(cd "$prefix" && find . ! -type d | sort) >"$work/after"
diff <(cd "$prefix" && grep -E 'other' "$work/before") "$work/after"
echo "make install: the scores of the clone, moved; make uninstall: nothing is left"
