cwlVersion: v1.2
class: CommandLineTool
label: Put the scored shards of a call file together
hints:
  DockerRequirement:
    dockerPull: cnnscore:0.1.0
baseCommand: [cnnscore, gather]
arguments: [-W=tbi, --quiet]
inputs:
  shards:
    type: File[]
    inputBinding: {position: 1}
  output:
    type: string
    default: scored.vcf.gz
    inputBinding: {prefix: -o}
outputs:
  scored:
    type: File
    secondaryFiles: [.tbi]
    outputBinding: {glob: $(inputs.output)}
