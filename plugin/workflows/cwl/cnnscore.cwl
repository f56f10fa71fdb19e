cwlVersion: v1.2
class: Workflow
label: Score and filter the calls of a sample, in shards
requirements:
  ScatterFeatureRequirement: {}
inputs:
  calls:
    type: File
    secondaryFiles:
      - {pattern: .tbi, required: false}
      - {pattern: .csi, required: false}
  reference:
    type: File
    secondaryFiles: [.fai]
  reads:
    type: File[]?
    secondaryFiles:
      - {pattern: .bai, required: false}
      - {pattern: .csi, required: false}
      - {pattern: .crai, required: false}
  network: File?
  resources:
    type: File[]?
    secondaryFiles:
      - {pattern: .tbi, required: false}
      - {pattern: .csi, required: false}
  shards:
    type: int
    default: 10
steps:
  scatter:
    run: shards.cwl
    in: {calls: calls, number: shards}
    out: [regions]
  score:
    run: score.cwl
    scatter: regions
    in: {calls: calls, reference: reference, reads: reads, network: network, regions: scatter/regions}
    out: [scored]
  gather:
    run: gather.cwl
    in: {shards: score/scored}
    out: [scored]
  filter:
    run: filter.cwl
    in: {scored: gather/scored, resources: resources}
    out: [filtered]
outputs:
  scored:
    type: File
    outputSource: gather/scored
  filtered:
    type: File
    outputSource: filter/filtered
