#!/usr/bin/env bash
# cpu_only.sh WHEEL [PYTHON]: the installation of requirements-cpu.txt, in a new environment: no ONNX Runtime for GPUs, the
# scores of the clone. Then ONNX Runtime for GPUs beside it, and what is left when the first goes: `cnnscore doctor` names
# both, and the commands that it advises mend them.
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

pip() { environment/bin/python -m pip -q --disable-pip-version-check "$@"; }
# doctor [WORDS]: its line of ONNX Runtime is broken and has these words; without, it is ok.
doctor() {
  local status=0
  environment/bin/python -m cnnscore doctor >said 2>error || status=$?
  grep 'ONNX Runtime' said
  if [ "$#" = 0 ]; then grep -q '^ok *ONNX Runtime' said; else
    [ "$status" = 2 ] && grep -q "^!! *ONNX Runtime .*$1" said
  fi
}
doctor
pip install --no-deps onnxruntime-gpu
doctor "both onnxruntime and onnxruntime-gpu are installed"
pip uninstall -y onnxruntime
doctor "installed in part only"
! environment/bin/python -m cnnscore score "${inputs[@]}" -o broken.vcf.gz 2>error
grep -q 'error: ONNX Runtime is installed in part only' error && [ "$(wc -l <error)" = 1 ] && [ ! -e broken.vcf.gz ]
# What the line says, word for word.
first=$(sed -n 's/.*ONNX Runtime .*: `\(pip uninstall[^`]*\)`, then .*/\1/p' said) again=$(sed -n 's/.*, then `\(pip install[^`]*\)`.*/\1/p' said)
$first
$again
doctor
environment/bin/python -m cnnscore score "${inputs[@]}" -o mended.vcf.gz
bcftools query -f '%CHROM %POS %REF %ALT %INFO/CNN_READS\n' mended.vcf.gz | cmp - clone.scores
echo "two ONNX Runtimes, and a half of one: named, and mended as advised"
