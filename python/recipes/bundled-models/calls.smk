# From the design to labelled-to-be calls: one folder a sample.


rule plan:
    output:
        "design.json",
    params:
        text=json.dumps([asdict(sample) for sample in SAMPLES.values()], indent=1),
    run:
        Path(output[0]).write_text(params.text + "\n")


rule simulate:
    input:
        design="design.json",
        script=RECIPE / "simulate.py",
        reference=REFERENCE,
        truth=TRUTH,
    output:
        ref="{sample}/ref.fa",
        truth=temp("{sample}/truth.vcf"),
        confident="{sample}/confident.bed",
        fastq=temp(["{sample}/reads_1.fq", "{sample}/reads_2.fq"]),
    shell:
        "{PYTHON} {input.script} {input.design} {wildcards.sample} "
        "--reference {input.reference} --truth {input.truth} --out {wildcards.sample}"


rule align:
    input:
        ref="{sample}/ref.fa",
        fastq=["{sample}/reads_1.fq", "{sample}/reads_2.fq"],
    output:
        bam="{sample}/reads.bam",
        bai="{sample}/reads.bam.bai",
        fai="{sample}/ref.fa.fai",
        dict="{sample}/ref.dict",
        index=temp(multiext("{sample}/ref.fa", ".amb", ".ann", ".bwt", ".pac", ".sa")),
    log:
        "{sample}/align.log",
    shell:
        "set -o pipefail; exec 2>{log}; samtools faidx {input.ref}; "
        "samtools dict {input.ref} -o {output.dict}; bwa index {input.ref}; "
        "bwa mem -K 20000000 -v 1 -R '@RG\\tID:1\\tSM:{wildcards.sample}\\tPL:ILLUMINA' "
        "{input.ref} {input.fastq} | samtools fixmate -m -u - - | samtools sort -u - "
        "| samtools markdup - {output.bam}; samtools index {output.bam}"


rule haplotypecaller:
    input:
        ref="{sample}/ref.fa",
        bam="{sample}/reads.bam",
        dict="{sample}/ref.dict",
    output:
        "{sample}/haplotypecaller.vcf.gz",
    params:
        options=lambda wildcards: SAMPLES[wildcards.sample].thresholds["haplotypecaller"],
        ploidy=lambda wildcards: SAMPLES[wildcards.sample].ploidy,
    log:
        "{sample}/haplotypecaller.log",
    shell:
        "java -Xmx2g -XX:+UseSerialGC -cp '{GATK}/*' org.broadinstitute.hellbender.Main "
        "HaplotypeCaller -R {input.ref} -I {input.bam} -O {output} {params.options} "
        "-ploidy {params.ploidy} --native-pair-hmm-threads 1 >{log} 2>&1"


rule freebayes:
    input:
        ref="{sample}/ref.fa",
        bam="{sample}/reads.bam",
    output:
        "{sample}/freebayes.vcf.gz",
    params:
        options=lambda wildcards: SAMPLES[wildcards.sample].thresholds["freebayes"],
        ploidy=lambda wildcards: SAMPLES[wildcards.sample].ploidy,
    shell:
        "set -o pipefail; freebayes -f {input.ref} -p {params.ploidy} {params.options} {input.bam} "
        "| bcftools view -Oz -o {output} && bcftools index -ft {output}"


rule bcftools:
    input:
        ref="{sample}/ref.fa",
        bam="{sample}/reads.bam",
    output:
        "{sample}/bcftools.vcf.gz",
    params:
        pileup=lambda wildcards: SAMPLES[wildcards.sample].thresholds["mpileup"],
        options=lambda wildcards: SAMPLES[wildcards.sample].thresholds["bcftools"],
    log:
        "{sample}/bcftools.log",
    shell:
        "set -o pipefail; exec 2>{log}; "
        "bcftools mpileup -f {input.ref} -a AD,DP -d 2000 {params.pileup} {input.bam} "
        "| bcftools call -mv {params.options} -Oz -o {output} && bcftools index -ft {output}"


rule normalised_truth:
    input:
        truth="{sample}/truth.vcf",
        ref="{sample}/ref.fa",
        fai="{sample}/ref.fa.fai",
    output:
        "{sample}/truth.vcf.gz",
    log:
        "{sample}/truth.log",
    shell:
        "set -o pipefail; exec 2>{log}; bcftools norm -f {input.ref} -m -any {input.truth} "
        "| bcftools sort -Oz -o {output} && bcftools index -ft {output}"


# A caller may spell a true haplotype in other records than the truth does: such calls would be
# labelled false. Places within 30 bases of a variant that the caller misses are not judged, nor are
# most clusters of true variants (judgeable.py).
rule judgeable:
    input:
        script=RECIPE / "judgeable.py",
        calls="{sample}/{caller}.vcf.gz",
        truth="{sample}/truth.vcf.gz",
        confident="{sample}/confident.bed",
        ref="{sample}/ref.fa",
        fai="{sample}/ref.fa.fai",
    output:
        "{sample}/{caller}.bed",
    log:
        "{sample}/{caller}.judgeable.log",
    shell:
        "{PYTHON} {input.script} --calls {input.calls} --truth {input.truth} "
        "--confident {input.confident} --reference {input.ref} --out {output} 2>{log}"
