process CNNSCORE_SHARDS {
    tag "${meta.id}"
    label 'process_single'

    conda "${moduleDir}/environment.yml"
    container "cnnscore:0.1.0"

    input:
    tuple val(meta), path(vcf), path(tbi)

    output:
    tuple val(meta), path("*.shards.tsv"), emit: shards
    tuple val("${task.process}"), val('cnnscore'), eval("cnnscore --version | sed -n '1s/cnnscore //p'"), topic: versions, emit: versions_cnnscore

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def prefix = task.ext.prefix ?: "${meta.id}"
    """
    cnnscore shards \\
        ${vcf} \\
        ${args} \\
        -o ${prefix}.shards.tsv
    """

    stub:
    def prefix = task.ext.prefix ?: "${meta.id}"
    """
    printf 'chr1\\t1\\n' > ${prefix}.shards.tsv
    """
}
