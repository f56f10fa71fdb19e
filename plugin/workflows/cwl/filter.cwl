cwlVersion: v1.2
class: CommandLineTool
label: Set FILTER by the scores
hints:
  DockerRequirement:
    dockerPull: cnnscore:0.1.0
baseCommand: [cnnscore, filter]
arguments: [-W=tbi, --quiet]
inputs:
  scored:
    type: File
    inputBinding: {position: 1}
  resources:
    type:
      - "null"
      - type: array
        items: File
        inputBinding: {prefix: --resource}
    doc: known variants, in place of the network's own cut-offs
    secondaryFiles:
      - {pattern: .tbi, required: false}
      - {pattern: .csi, required: false}
    inputBinding: {position: 2}
  output:
    type: string
    default: filtered.vcf.gz
    inputBinding: {prefix: -o}
outputs:
  filtered:
    type: File
    secondaryFiles: [.tbi]
    outputBinding: {glob: $(inputs.output)}
