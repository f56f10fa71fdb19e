#!/usr/bin/env bash
# cpu_only.sh WHEEL [PYTHON]: the installation of requirements-cpu.txt, in a new environment: no ONNX Runtime for GPUs, the
# scores of the clone.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
wheel=$(realpath "$1") data=$root/tests/data/synthetic
python=${2:-$root/.venv/bin/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
inputs=("$data/calls.vcf.gz" -R "$data/ref.fa" -I "$data/reads.bam" --quiet)
"$root/.venv/bin/python" -m cnnscore score "${inputs[@]}" -o clone.vcf.gz
"$python" -m venv environment
environment/bin/python -m pip -q install --disable-pip-version-check -r "$root/requirements-cpu.txt"
environment/bin/python -m pip -q install --disable-pip-version-check --no-deps "$wheel"
environment/bin/python -m cnnscore --version | tee version
grep -qx 'onnxruntime [0-9.]*' version
environment/bin/python -m cnnscore score "${inputs[@]}" -o cpu.vcf.gz
for calls in clone cpu; do
  bcftools query -f '%CHROM %POS %REF %ALT %INFO/CNN_READS\n' $calls.vcf.gz >$calls.scores
done
[ -s clone.scores ] && cmp clone.scores cpu.scores
echo "$(basename "$wheel"): equal scores without ONNX Runtime for GPUs, $(du -sh environment | cut -f1) installed"
