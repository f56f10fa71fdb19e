#!/bin/bash
# One sample from reads to filtered calls, in place of VQSR: HaplotypeCaller -> CnnScoreVariants ->
# FilterVariantTranches.
#
#   call-score-filter.sh REF.fa READS.bam RESOURCE.vcf.gz OUT [arguments for HaplotypeCaller, as -L 20]
#
# writes OUT.calls.vcf.gz, OUT.scored.vcf.gz and OUT.filtered.vcf.gz. RESOURCE holds variants known to
# be real (HapMap, Mills). GATK is the command that starts GATK with cnnscore's walker: by default `gatk`
# with GATK_LOCAL_JAR=.../cnnscore-gatk.jar; the `cnnscore` command must be on the PATH.
set -euo pipefail
[ $# -ge 4 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 1; }
reference=$1 reads=$2 resource=$3 out=$4
shift 4
read -ra gatk <<<"${GATK:-gatk}"

"${gatk[@]}" HaplotypeCaller -R "$reference" -I "$reads" -O "$out.calls.vcf.gz" "$@"
"${gatk[@]}" CnnScoreVariants -R "$reference" -I "$reads" -V "$out.calls.vcf.gz" \
  --tensor-type read_tensor -O "$out.scored.vcf.gz"
"${gatk[@]}" FilterVariantTranches -V "$out.scored.vcf.gz" -O "$out.filtered.vcf.gz" --info-key CNN_2D \
  --resource "$resource" --snp-tranche 99.95 --indel-tranche 99.4
