#!/usr/bin/env bash
# train.sh DATA FOLDER COMMAND...: with the cnnscore of a wheel, which has the extra `train`: a data set of the synthetic
# calls, a network in a few steps, and its scores.
set -euo pipefail
data=$1 folder=$2 command=("${@:3}")
mkdir "$folder" && cd "$folder"
"${command[@]}" dataset "$data/calls.vcf.gz" -R "$data/ref.fa" -I "$data/reads.bam" --truth "$data/truth.vcf.gz" \
  --quiet -o data
"${command[@]}" train read-set data --quiet -o mine --set training.steps=2 --set training.batch=32 \
  --set training.evaluate_every=2
"${command[@]}" score "$data/calls.vcf.gz" -R "$data/ref.fa" -I "$data/reads.bam" -m mine/read-set.onnx --quiet -o mine.vcf.gz
key=$(bcftools view -h mine.vcf.gz | sed -n 's/^##cnnscore_model=<ID=\([^,]*\),.*/\1/p')
[ "$(bcftools query -f "%INFO/$key\n" mine.vcf.gz | grep -cv '^\.$')" = 294 ]
echo "a network trained here gave 294 scores"
