process CNNSCORE_GATHER {
    tag "${meta.id}"
    label 'process_single'

    conda "${moduleDir}/environment.yml"
    container "cnnscore:0.1.0"

    input:
    tuple val(meta), path(shards, stageAs: "shards/*")

    output:
    tuple val(meta), path("*.vcf.gz"), emit: vcf
    tuple val(meta), path("*.vcf.gz.tbi"), emit: tbi
    tuple val("${task.process}"), val('cnnscore'), eval("cnnscore --version | sed -n '1s/cnnscore //p'"), topic: versions, emit: versions_cnnscore

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def prefix = task.ext.prefix ?: "${meta.id}.cnnscore"
    """
    cnnscore gather \\
        ${shards} \\
        --quiet \\
        ${args} \\
        -O z \\
        -W=tbi \\
        -o ${prefix}.vcf.gz
    """

    stub:
    def prefix = task.ext.prefix ?: "${meta.id}.cnnscore"
    """
    echo "" | gzip > ${prefix}.vcf.gz
    touch ${prefix}.vcf.gz.tbi
    """
}
