# From the design to calls that can be labelled: one folder a sample. Few jobs of several commands: of
# thousands of small ones Snakemake's own bookkeeping would take as long as the callers.
#
# Scripts are `ancient`, and what they say is among the parameters: see content.py.
from content import SIMULATORS, content

# Of short runs, the better compiler (C2) is half the time and gives nothing.
JAVA = "java -Xmx2g -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
HAPLOTYPE_CALLER = (
    f"-cp '{GATK}/*' org.broadinstitute.hellbender.Main HaplotypeCaller --native-pair-hmm-threads 1"
)
DEMO = RECIPE.parents[2] / "tests/data/synthetic"


rule plan:
    output:
        "design.json",
    params:
        text=json.dumps([asdict(sample) for sample in SAMPLES.values()], indent=1),
    run:
        Path(output[0]).write_text(params.text + "\n")


rule reads:
    input:
        script=ancient(RECIPE / "simulate.py"),
        reference=REFERENCE,
        truth=TRUTH,
    output:
        ref="{sample}/ref.fa",
        fai="{sample}/ref.fa.fai",
        dict="{sample}/ref.dict",
        confident="{sample}/confident.bed",
        truth="{sample}/truth.vcf.gz",
        bam="{sample}/reads.bam",
        bai="{sample}/reads.bam.bai",
        raw=temp("{sample}/truth.vcf"),
        fastq=temp(["{sample}/reads_1.fq", "{sample}/reads_2.fq"]),
        index=temp(multiext("{sample}/ref.fa", ".amb", ".ann", ".bwt", ".pac", ".sa")),
    params:
        design=lambda wildcards: json.dumps([asdict(SAMPLES[wildcards.sample])]),
        made_by=content(*SIMULATORS),
    log:
        "{sample}/reads.log",
    shell:
        """
        set -o pipefail; exec >{log} 2>&1
        {PYTHON} {input.script} <(printf %s {params.design:q}) {wildcards.sample} \
          --reference {input.reference} --truth {input.truth} --out {wildcards.sample}
        samtools faidx {output.ref}
        samtools dict {output.ref} -o {output.dict}
        bwa index {output.ref}
        bwa mem -K 20000000 -v 1 -R '@RG\\tID:1\\tSM:{wildcards.sample}\\tPL:ILLUMINA' \
          {output.ref} {output.fastq} \
          | samtools fixmate -m -u - - | samtools sort -u - | samtools markdup - {output.bam}
        samtools index {output.bam}
        bcftools norm -f {output.ref} -m -any {output.raw} | bcftools sort -Oz -o {output.truth}
        bcftools index -ft {output.truth}
        """


# HaplotypeCaller's classes, as a Java archive: a run of it is short, and loading them a part of it.
rule classes:
    input:
        ref=DEMO / "ref.fa",
        bam=DEMO / "reads.bam",
    output:
        archive="gatk.jsa",
        calls=temp(multiext("classes.vcf", "", ".idx")),
    log:
        "classes.log",
    shell:
        "{JAVA} -XX:ArchiveClassesAtExit={output.archive} {HAPLOTYPE_CALLER} -R {input.ref} "
        "-I {input.bam} -O {output.calls[0]} >{log} 2>&1"


# Loose thresholds, and where each caller's calls are judged. A caller may spell a true haplotype in
# other records than the truth does: such calls would be labelled false. So loci within 30 bases of a
# variant that the caller misses are not judged, nor are most clusters of true variants (judgeable.py).
rule calls_of:
    input:
        scripts=ancient([RECIPE / "judgeable.py", RECIPE / "stated.py"]),
        classes=ancient(rules.classes.output.archive),
        ref="{sample}/ref.fa",
        fai="{sample}/ref.fa.fai",
        dict="{sample}/ref.dict",
        confident="{sample}/confident.bed",
        truth="{sample}/truth.vcf.gz",
        bam="{sample}/reads.bam",
        bai="{sample}/reads.bam.bai",
    output:
        haplotypecaller="{sample}/haplotypecaller.vcf.gz",
        freebayes="{sample}/freebayes.vcf.gz",
        bcftools="{sample}/bcftools.vcf.gz",
        stated="{sample}/stated.vcf.gz",
        judged=expand("{{sample}}/{caller}.bed", caller=LISTS),
    params:
        options=lambda wildcards: SAMPLES[wildcards.sample].thresholds,
        ploidy=lambda wildcards: SAMPLES[wildcards.sample].ploidy,
        callers=CALLERS,
        made_by=content("judgeable", "stated"),
        calls=lambda wildcards, output: [output[caller] for caller in CALLERS],
        clusters=lambda wildcards: (
            "--all-clusters" if SAMPLES[wildcards.sample].split == "near" else ""
        ),
    log:
        "{sample}/calls.log",
    shell:
        """
        set -o pipefail; exec >{log} 2>&1
        {JAVA} -XX:SharedArchiveFile={input.classes} {HAPLOTYPE_CALLER} -R {input.ref} \
          -I {input.bam} -O {output.haplotypecaller} {params.options[haplotypecaller]} -ploidy {params.ploidy}
        freebayes -f {input.ref} -p {params.ploidy} {params.options[freebayes]} {input.bam} \
          | bcftools view -Oz -o {output.freebayes}
        bcftools index -ft {output.freebayes}
        bcftools mpileup -f {input.ref} -a AD,DP -d 2000 {params.options[mpileup]} {input.bam} \
          | bcftools call -mv {params.options[bcftools]} -Oz -o {output.bcftools}
        bcftools index -ft {output.bcftools}
        for caller in {params.callers}; do
          {PYTHON} {input.scripts[0]} --calls {wildcards.sample}/$caller.vcf.gz --truth {input.truth} \
            --confident {input.confident} --reference {input.ref} --out {wildcards.sample}/$caller.bed
        done
        {PYTHON} {input.scripts[1]} --truth {input.truth} --confident {input.confident} \
          --reference {input.ref} --reads {input.bam} --calls {params.calls} {params.clusters} \
          --out {output.stated} --judged {wildcards.sample}/stated.bed
        """
