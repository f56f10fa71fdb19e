process CNNSCORE_SCORE {
    tag "${meta.id}"
    label 'process_medium'

    conda "${moduleDir}/environment.yml"
    container "cnnscore:0.1.0"

    input:
    tuple val(meta), path(vcf), path(tbi), path(reads), path(reads_index), path(intervals)
    tuple val(meta2), path(fasta)
    tuple val(meta3), path(fai)
    path network

    output:
    tuple val(meta), path("*.vcf.gz"), emit: vcf
    tuple val(meta), path("*.vcf.gz.tbi"), emit: tbi
    tuple val("${task.process}"), val('cnnscore'), eval("cnnscore --version | sed -n '1s/cnnscore //p'"), topic: versions, emit: versions_cnnscore

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def prefix = task.ext.prefix ?: "${meta.id}.cnnscore"
    if ("${vcf}" == "${prefix}.vcf.gz") error("Input and output names are the same: set prefix in modules.config")
    def reads_command = reads ? [reads].flatten().collect { file -> "-I ${file}" }.join(' ') : ''
    def network_command = network ? "-m ${network}" : ''
    def intervals_command = intervals ? "--targets-file ${intervals}" : ''
    """
    cnnscore score \\
        ${vcf} \\
        -R ${fasta} \\
        ${reads_command} \\
        ${network_command} \\
        ${intervals_command} \\
        --threads ${task.cpus} \\
        --quiet \\
        ${args} \\
        -O z \\
        -W=tbi \\
        -o ${prefix}.vcf.gz
    """

    stub:
    def prefix = task.ext.prefix ?: "${meta.id}.cnnscore"
    if ("${vcf}" == "${prefix}.vcf.gz") error("Input and output names are the same: set prefix in modules.config")
    """
    echo "" | gzip > ${prefix}.vcf.gz
    touch ${prefix}.vcf.gz.tbi
    """
}
