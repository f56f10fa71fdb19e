cwlVersion: v1.2
class: CommandLineTool
label: Score germline SNPs and indels, whole or one shard of them
hints:
  DockerRequirement:
    dockerPull: cnnscore:0.1.0
  ResourceRequirement:
    coresMin: 2
    ramMin: 2000
baseCommand: [cnnscore, score]
# A record belongs to the shard of its POS.
arguments: [--regions-overlap, pos, --threads, $(runtime.cores), -o, scored.vcf.gz, --quiet]
inputs:
  calls:
    type: File
    secondaryFiles:
      - {pattern: .tbi, required: false}
      - {pattern: .csi, required: false}
    inputBinding: {position: 1}
  reference:
    type: File
    secondaryFiles: [.fai]
    inputBinding: {prefix: -R}
  reads:
    type:
      - "null"
      - type: array
        items: File
        inputBinding: {prefix: -I}
    doc: BAM or CRAM files of the sample
    secondaryFiles:
      - {pattern: .bai, required: false}
      - {pattern: .csi, required: false}
      - {pattern: .crai, required: false}
    inputBinding: {position: 2}
  regions:
    type: string?
    doc: a line of `cnnscore shards`, without its number of sites
    inputBinding: {prefix: -r}
  network:
    type: File?
    doc: a network of one's own, .onnx
    inputBinding: {prefix: -m}
outputs:
  scored:
    type: File
    outputBinding: {glob: scored.vcf.gz}
