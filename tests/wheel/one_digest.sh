#!/usr/bin/env bash
# one_digest.sh WHEEL [PYTHON]: installs the wheel, without extras, into a new environment outside the source tree, moves
# that, and scores the synthetic set at all three doors: one digest, the same as from the clone. Then its extra `train`.
# The GATK door is tried where CNNSCORE_GATK names GATK's jars, a newer bcftools where build_bcftools.sh put it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
wheel=$(realpath "$1") data=$root/tests/data/synthetic
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# cnnscore-0.1.0-cp311-...: the python is an argument, else the one of that name, else pyenv's
version=$(basename "$wheel" | sed -E 's/.*-cp3([0-9]+)-.*/3.\1/')
for python in ${2:-"python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python}; do
  ! "$python" -c 'import ensurepip' 2>"$work/none" || break
done
gatk=${CNNSCORE_GATK:-}
unset PYTHONPATH VIRTUAL_ENV BCFTOOLS_PLUGINS PKG_CONFIG_PATH ${!CNNSCORE_*}

digest() { bcftools query -f '%CHROM %POS %REF %ALT %INFO/CNN_READS\n' "$1" | sha256sum | cut -c1-16; }

"$root/.venv/bin/python" -m cnnscore score "$data/calls.vcf.gz" -R "$data/ref.fa" -I "$data/reads.bam" \
  --quiet -o "$work/clone.vcf.gz"
cd "$work"
"$python" -m venv first
first/bin/python -m pip -q install --disable-pip-version-check "$wheel"
first/bin/python -m pip check
# Scripts of pip name their interpreter; what runs without one must not care.
mv first moved
command=(moved/bin/python -m cnnscore)
eval "$("${command[@]}" env)"
jar=$("${command[@]}" gatk-jar)
inputs=("$data/calls.vcf.gz" -R "$data/ref.fa" -I "$data/reads.bam")

"${command[@]}" --version | tee version
grep -q '^htslib .*, built in: .*libcurl .*S3, GCS, libdeflate' version
# Two htslibs in one process, in either order: each reads with its own.
for order in "pysam, cnnscore.calls.records" "cnnscore.calls.records, pysam"; do
  moved/bin/python "$root/tests/wheel/two_htslibs.py" "$order" "$data"
done
# The Python API with pysam's files: the scores that the clone has.
mkdir api && moved/bin/python "$root/tests/wheel/api_caller.py" "$data" api
cmp api/scores <(bcftools query -f '%INFO/CNN_READS\n' clone.vcf.gz)
"${command[@]}" score "${inputs[@]}" --quiet -o command.vcf.gz
"${command[@]}" filter command.vcf.gz --quiet -o filtered.vcf.gz
moved/bin/python "$root/tests/data/demo_result.py" filtered.vcf.gz "$data/truth.vcf.gz"
bcftools +cnnscore "$data/calls.vcf.gz" -f "$data/ref.fa" -b "$data/reads.bam" -Oz -o plugin.vcf.gz
# VCF 4.5, where a genotype may begin with its phase.
bcftools view "$data/calls.vcf.gz" | sed -e 's/^##fileformat=.*/##fileformat=VCFv4.5/' -e 's#\t0/1:#\t/0|1:#' \
  -e 's#\t1/1:#\t|1|1:#' >v45.vcf
"${command[@]}" score v45.vcf "${inputs[@]:1}" --quiet -o v45.vcf.gz
"$root/.venv/bin/python" "$root/tests/wheel/over_https.py" "$data" https.vcf.gz "${command[@]}"
doors=(clone command v45 https plugin)
newer=$root/.make/bcftools-new/bcftools
if [ -x "$newer" ]; then
  # With what its own commands take: its filter, -v INT, -W=FMT.
  "$newer" +cnnscore "$data/calls.vcf.gz" -f "$data/ref.fa" -b "$data/reads.bam" -Oz -o newer.vcf.gz -W=tbi \
    -i 'QUAL>0 || GT="alt"' -v 3 --regions-overlap pos --targets-overlap variant
  "$newer" index -s newer.vcf.gz >contigs
  echo "bcftools $("$newer" --version-only)"
  doors+=(newer)
fi
cc "$root/native/examples/score_one.c" $(pkg-config --cflags --libs cnnscore) -o score_one
LD_LIBRARY_PATH=$(pkg-config --variable=libdir cnnscore) ./score_one reference
if [ -n "$gatk" ]; then
  java -Xmx1g -cp "$gatk/*:$jar" org.cnnscore.gatk.Main CnnScoreVariants -V "$data/calls.vcf.gz" \
    -R "$data/ref.fa" -I "$data/reads.bam" --tensor-type read_tensor --model reads -O gatk.vcf.gz \
    --engine "$work/moved/bin/python -m cnnscore serve" --verbosity ERROR >gatk.log 2>&1 \
    || { tail -20 gatk.log >&2; exit 1; }
  doors+=(gatk)
fi
for door in "${doors[@]}"; do echo "$(digest "$door.vcf.gz") $door"; done | tee digests
[ "$(cut -d' ' -f1 digests | sort -u | wc -l)" = 1 ] || { echo "the doors differ" >&2; exit 1; }
! bcftools query -f '%INFO/CNN_READS\n' command.vcf.gz | grep -qx '\.' || { echo "no score" >&2; exit 1; }
# The same Python on both sides.
[ "$("$python" --version)" != "$("$root/.venv/bin/python" --version)" ] \
  || "$root/.venv/bin/python" "$root/tests/bench/wheel_speed.py" moved/bin/python
moved/bin/python -m pip -q install --disable-pip-version-check "$wheel[train]"
bash "$root/tests/wheel/train.sh" "$data" train "$work/moved/bin/python" -m cnnscore
echo "$(basename "$wheel"): ${#doors[@]} doors, one digest, $("$python" --version)"
