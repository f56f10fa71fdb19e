# Cohorts, called together: see README.md.
#   simulate, align -> joint calls (a gVCF for each sample, GenotypeGVCFs; bcftools), where they are judged
import json
import sys
import tomllib
from dataclasses import asdict
from pathlib import Path

RECIPE = Path(workflow.basedir)
sys.path.insert(0, str(RECIPE))

from cohort_design import design_cohorts
from content import SIMULATORS, content

config = tomllib.loads((RECIPE / "cohorts.toml").read_text()) | config


def located(path):
    """A path of the configuration: as it stands, or beside the recipe."""
    return Path(path) if Path(path).is_absolute() else (RECIPE / path).resolve()


COHORTS = {cohort.name: cohort for cohort in design_cohorts(config)}
MEMBERS = {name: [member.name for member in cohort.members] for name, cohort in COHORTS.items()}
CALLERS = ("gatk", "bcftools")
REFERENCE = located(config["reference"])
GATK, WALKER = located(config["gatk"]), located(config["walker"])
RUN_MANY = RECIPE.parents[2] / "tests/gatk/RunMany.java"
PYTHON = sys.executable


wildcard_constraints:
    cohort="|".join(COHORTS),


def of_members(pattern):
    """The files of all samples of a cohort."""
    return lambda wildcards: expand(pattern, cohort=wildcards.cohort, member=MEMBERS[wildcards.cohort])


rule all:
    default_target: True
    input:
        "cohorts.json",
        expand("{cohort}/{caller}.bed", cohort=COHORTS, caller=CALLERS),


rule plan:
    output:
        "cohorts.json",
    params:
        text=json.dumps([asdict(cohort) for cohort in COHORTS.values()], indent=1),
    run:
        Path(output[0]).write_text(params.text + "\n")


# What a cohort's samples are is known when it is simulated: their reads are aligned here.
# Scripts are `ancient`, and what they say is among the parameters: see content.py.
rule reads:
    input:
        script=ancient(RECIPE / "simulate_cohort.py"),
        reference=REFERENCE,
    output:
        ref="{cohort}/ref.fa",
        fai="{cohort}/ref.fa.fai",
        dict="{cohort}/ref.dict",
        confident="{cohort}/confident.bed",
        truth="{cohort}/truth.vcf.gz",
        raw=temp("{cohort}/truth.vcf"),
        index=temp(multiext("{cohort}/ref.fa", ".amb", ".ann", ".bwt", ".pac", ".sa")),
        done=touch("{cohort}/aligned"),
    params:
        design=lambda wildcards: json.dumps([asdict(COHORTS[wildcards.cohort])]),
        made_by=content("simulate_cohort", *SIMULATORS),
        members=lambda wildcards: MEMBERS[wildcards.cohort],
    log:
        "{cohort}/reads.log",
    shell:
        """
        set -o pipefail; exec >{log} 2>&1
        {PYTHON} {input.script} <(printf %s {params.design:q}) {wildcards.cohort} \
          --reference {input.reference} --out {wildcards.cohort}
        samtools faidx {output.ref}
        samtools dict {output.ref} -o {output.dict}
        bwa index {output.ref}
        bcftools norm -f {output.ref} -m -any {output.raw} | bcftools sort -Oz -o {output.truth}
        bcftools index -ft {output.truth}
        cd {wildcards.cohort}
        for member in {params.members}; do
          bwa mem -K 20000000 -v 1 -R "@RG\\tID:1\\tSM:$member\\tPL:ILLUMINA" \
            ref.fa ${{member}}_1.fq ${{member}}_2.fq \
            | samtools fixmate -m -u - - | samtools sort -u - | samtools markdup - $member.bam
          samtools index $member.bam
          rm ${{member}}_1.fq ${{member}}_2.fq
        done
        """


# Loose thresholds: the more false calls, the more is shown. GATK's tools run in one JVM, whose start takes longer
# than most of them.
rule joint:
    input:
        script=ancient(RECIPE / "judgeable.py"),
        ref="{cohort}/ref.fa",
        fai="{cohort}/ref.fa.fai",
        dict="{cohort}/ref.dict",
        confident="{cohort}/confident.bed",
        truth="{cohort}/truth.vcf.gz",
        aligned="{cohort}/aligned",
    output:
        gatk="{cohort}/gatk.vcf.gz",
        bcftools="{cohort}/bcftools.vcf.gz",
        commands="{cohort}/gatk.txt",
        gvcfs=temp(directory("{cohort}/gvcfs")),
        judged=expand("{{cohort}}/{caller}.bed", caller=CALLERS),
    params:
        bams=of_members("{cohort}/{member}.bam"),
        members=lambda wildcards: MEMBERS[wildcards.cohort],
        callers=CALLERS,
        made_by=content("judgeable"),
    log:
        "{cohort}/joint.log",
    shell:
        """
        set -o pipefail; exec >{log} 2>&1
        mkdir -p {output.gvcfs}
        all=""
        for member in {params.members}; do
          echo HaplotypeCaller -ERC GVCF -R {input.ref} -I {wildcards.cohort}/$member.bam \
            -O {output.gvcfs}/$member.g.vcf.gz --native-pair-hmm-threads 1
          all+=" -V {output.gvcfs}/$member.g.vcf.gz"
        done >{output.commands}
        echo CombineGVCFs -R {input.ref} $all -O {output.gvcfs}/all.g.vcf.gz >>{output.commands}
        echo GenotypeGVCFs -R {input.ref} -V {output.gvcfs}/all.g.vcf.gz -O {output.gatk} \
          -stand-call-conf 10 >>{output.commands}
        tr ' ' '\\t' <{output.commands} \
          | java -Xmx2g -XX:+UseSerialGC -cp '{WALKER}:{GATK}/*' {RUN_MANY} \
          | tee {wildcards.cohort}/answers.txt
        [ "$(grep -c '^answer ok$' {wildcards.cohort}/answers.txt)" = "$(wc -l <{output.commands})" ]
        bcftools mpileup -f {input.ref} -a AD,DP,INFO/AD -d 2000 {params.bams} \
          | bcftools call -mv -P 0.01 -a GQ -Oz -o {output.bcftools}
        bcftools index -ft {output.bcftools}
        for caller in {params.callers}; do
          {PYTHON} {input.script} --calls {wildcards.cohort}/$caller.vcf.gz --truth {input.truth} \
            --confident {input.confident} --reference {input.ref} --out {wildcards.cohort}/$caller.bed
        done
        """
