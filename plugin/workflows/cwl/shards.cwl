cwlVersion: v1.2
class: CommandLineTool
label: Cut a call file into shards of about as many sites each
requirements:
  ShellCommandRequirement: {}
hints:
  DockerRequirement:
    dockerPull: cnnscore:0.1.0
# Each line's regions as a JSON string: names of contigs hold no quotes and no backslashes.
baseCommand: [bash, -euo, pipefail, -c]
arguments:
  - >-
    cnnscore shards "$1" -n "$2" -o shards.tsv;
    awk -F '\t' 'BEGIN {printf "{\"regions\": ["} {printf "%s\"%s\"", (NR > 1 ? ", " : ""), $1}
    END {print "]}"}' shards.tsv > cwl.output.json
  - "-"
inputs:
  calls:
    type: File
    secondaryFiles:
      - {pattern: .tbi, required: false}
      - {pattern: .csi, required: false}
    inputBinding: {position: 1}
  number:
    type: int
    default: 10
    inputBinding: {position: 2}
outputs:
  regions: string[]
