# From labelled calls to networks: data sets, seeds, the distilled network, leave-one-out.

NETWORKS = ("reads", "reference")
LEFT_OUT = [f"{family}=yes" for family in FAMILIES]


def tag(family):
    """A family's name as a column."""
    return family.replace("-", "_")


def tags(wildcards):
    """The columns by which parts of the data can be left out of training."""
    sample = SAMPLES[wildcards.sample]
    pairs = {"profile": sample.profile}
    pairs |= {tag(family): "yes" if family in sample.families else "no" for family in FAMILIES}
    return " ".join(f"--tag {key}={value}" for key, value in pairs.items())


def split(wildcards):
    """Validation samples choose the step and calibrate; of the others a few blocks help. One sample
    need not have every class in every split: the network sees all samples."""
    if SAMPLES[wildcards.sample].split == "valid":
        return "--validation 0.4 --calibration 0.59 --block 10000 --allow-empty-splits"
    return "--validation 0.04 --calibration 0.08 --block 20000 --allow-empty-splits"


rule data:
    input:
        calls=expand("{{sample}}/{caller}.vcf.gz", caller=LISTS),
        ref="{sample}/ref.fa",
        bam="{sample}/reads.bam",
        truth="{sample}/truth.vcf.gz",
        confident=expand("{{sample}}/{caller}.bed", caller=LISTS),
    output:
        expand("data/{{sample}}.{caller}.parquet", caller=LISTS),
    params:
        tags=tags,
        split=split,
        callers=LISTS,
    log:
        "data/{sample}.log",
    shell:
        """
        exec >{log} 2>&1
        for caller in {params.callers}; do
          {CNNSCORE} dataset {wildcards.sample}/$caller.vcf.gz -R {input.ref} -I {input.bam} \
            --truth {input.truth} --confident {wildcards.sample}/$caller.bed \
            --name {wildcards.sample} --tag caller=$caller {params.tags} {params.split} \
            --overwrite -o data/{wildcards.sample}.$caller.parquet
        done
        """


# Calls that no caller makes: those of training samples are learnt (few of those that are calibrated),
# those of held-out ones are asked for (tests/bench/questions.py).
rule invented_calls:
    input:
        script=ancient(RECIPE / "invented.py"),
        calls=expand("{{sample}}/{caller}.vcf.gz", caller=CALLERS),
        ref="{sample}/ref.fa",
        truth="{sample}/truth.vcf.gz",
        confident="{sample}/confident.bed",
    output:
        calls="{sample}/invented.vcf.gz",
        judged="{sample}/invented.bed",
    params:
        made_by=content("invented", "stated", "judgeable"),
    log:
        "{sample}/invented.log",
    shell:
        """
        exec >{log} 2>&1
        {PYTHON} {input.script} --truth {input.truth} --confident {input.confident} \
          --reference {input.ref} --calls {input.calls} --out {output.calls}
        cp {input.confident} {output.judged}
        """


rule invented:
    input:
        calls="{sample}/invented.vcf.gz",
        ref="{sample}/ref.fa",
        bam="{sample}/reads.bam",
        truth="{sample}/truth.vcf.gz",
        judged="{sample}/invented.bed",
        others=expand("data/{{sample}}.{caller}.parquet", caller=LISTS),  # blocks share a split
    output:
        "data/{sample}.invented.parquet",
    params:
        tags=tags,
        split=split,
    log:
        "data/{sample}.invented.log",
    shell:
        """
        {CNNSCORE} dataset {input.calls} -R {input.ref} -I {input.bam} --truth {input.truth} \
          --confident {input.judged} --name {wildcards.sample} --tag caller=invented {params.tags} \
          {params.split} --overwrite -o {output} >{log} 2>&1
        """


def data_of(network, splits=("train", "valid")):
    """The data sets that a network learns from: `reference` has nothing to see in calls without
    annotations or reads."""
    names = [name for split in splits for name in OF[split]]
    lists = CALLERS if network == "reference" else LISTS
    invented = expand("data/{sample}.invented.parquet", sample=OF["train"])
    return expand("data/{sample}.{caller}.parquet", sample=names, caller=lists) + (
        invented if network == "reads" else []
    )


def settings(wildcards):
    """The configuration of a network, which comes with cnnscore."""
    return RECIPE.parents[1] / f"cnnscore/train/configs/{wildcards.network}.toml"


# A one-cycle schedule does best at its end: all steps, always.
TRAIN = f"{CNNSCORE} train --overwrite --threads 1 --set training.patience=0"


def encoding_of(network):
    """The encoding that its configuration names."""
    text = (RECIPE.parents[1] / f"cnnscore/train/configs/{network}.toml").read_text()
    return tomllib.loads(text)["data"]["encoding"]


ENCODING_OF = {network: encoding_of(network) for network in NETWORKS}


# What a network that is refined must not forget: it comes with cnnscore, for each encoding.
rule rehearsal:
    input:
        train=expand("data/{sample}.{caller}.parquet", sample=OF["train"], caller=CALLERS),
        invented=expand("data/{sample}.invented.parquet", sample=OF["train"]),
        validation=expand("data/{sample}.{caller}.parquet", sample=OF["valid"], caller=CALLERS),
    output:
        [f"rehearsal/{encoding}.npz" for encoding in ENCODING_OF.values()],
    run:
        for network, file in zip(ENCODING_OF, output):
            train = input.train + (input.invented if network == "reads" else [])
            shell(
                "{PYTHON} {RECIPE}/rehearsal.py {network} --train {train} "
                "--validation {input.validation} --most 900 -o {file}"
            )


rule seed:
    input:
        data=lambda wildcards: data_of(wildcards.network) + PLANTED_DATA,
        settings=settings,
    output:
        "networks/{network}/seed{seed}/{network}.onnx",
    log:
        "networks/{network}/seed{seed}.log",
    shell:
        "{TRAIN} {input.settings} {input.data} --seed {wildcards.seed} --log-level info "
        "-o networks/{wildcards.network}/seed{wildcards.seed} >{log} 2>&1"


rule distil:
    input:
        data=lambda wildcards: data_of(wildcards.network) + PLANTED_DATA,
        settings=settings,
        teachers=lambda wildcards: [
            f"networks/{wildcards.network}/seed{seed}/{wildcards.network}.onnx"
            for seed in range(1, config["seeds"][wildcards.network] + 1)
        ],
    output:
        network="networks/{network}/distilled/{network}.onnx",
        card="networks/{network}/distilled/{network}.md",
    params:
        teachers=lambda wildcards, input: " ".join(f"--teacher {t}" for t in input.teachers),
    log:
        "networks/{network}/distilled.log",
    shell:
        "{TRAIN} {input.settings} {input.data} {params.teachers} --log-level info "
        "-o networks/{wildcards.network}/distilled >{log} 2>&1"


rule left_out:
    input:
        data=data_of("reads") + PLANTED_DATA,
        settings=RECIPE.parents[1] / "cnnscore/train/configs/reads.toml",
    output:
        "networks/without/{key}={value}/without.onnx",
    params:
        key=lambda wildcards: tag(wildcards.key),
        steps=config["left_out"]["steps"],
    log:
        "networks/without/{key}={value}.log",
    shell:
        "{TRAIN} {input.settings} {input.data} --set name=without "
        "--set training.steps={params.steps} --leave-out {params.key}={wildcards.value} "
        "-o networks/without/{wildcards.key}={wildcards.value} >{log} 2>&1"


# Held-out samples, real reads, leave-one-out; a claim that is missed is in the figures, and does
# not stop the recipe: the card says so.
rule accuracy:
    input:
        reads="networks/reads/distilled/reads.onnx",
        reference="networks/reference/distilled/reference.onnx",
        design="design.json",
        left_out=expand("networks/without/{what}/without.onnx", what=LEFT_OUT),
        calls=expand(
            "{sample}/haplotypecaller.bed",
            sample=[name for split in HELD_OUT for name in OF[split]],
        ),
        invented=expand("{sample}/invented.bed", sample=OF["test"]),
    output:
        figures="accuracy/accuracy.json",
        text="accuracy/accuracy.txt",
    params:
        script=BENCH / "accuracy.py",
    threads: 2
    shell:
        "cd {RECIPE}/../../.. && W=$OLDPWD && {PYTHON} {params.script} $W --reads $W/{input.reads} "
        "--reference $W/{input.reference} --left-out $W/networks/without --gatk {GATK} "
        "--out $W/accuracy >$W/{output.text} || [ $? = 1 ]"


rule card:
    input:
        network="networks/{network}/distilled/{network}.onnx",
        card="networks/{network}/distilled/{network}.md",
        figures="accuracy/accuracy.json",
    output:
        network="bundled/{network}.onnx",
        card="bundled/{network}.md",
    shell:
        "cp {input.network} {output.network} && "
        "PYTHONPATH={BENCH} {PYTHON} {RECIPE}/card.py {input.card} {input.figures} {wildcards.network} >{output.card}"
