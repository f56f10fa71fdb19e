version 1.1

workflow CnnScore {
  meta {
    description: "Score and filter the calls of a sample, in shards"
  }

  parameter_meta {
    calls: "VCF or BCF"
    calls_index: "its index"
    reference: "FASTA of the calls"
    reference_index: "its .fai"
    reads: "BAM or CRAM files of the sample"
    reads_indexes: "their indexes, in the same order"
    network: "a network of one's own, .onnx"
    resources: "known variants, in place of the network's own cut-offs"
    shards: "how many"
    container: "an image that has cnnscore"
  }

  input {
    File calls
    File calls_index
    File reference
    File reference_index
    Array[File] reads = []
    Array[File] reads_indexes = []
    File? network
    Array[File] resources = []
    Int shards = 10
    String container = "cnnscore:0.1.0"
  }

  call Scatter { input: calls, calls_index, number = shards, container }

  scatter (regions in Scatter.regions) {
    call Score {
      input:
        calls, calls_index, reference, reference_index, reads, reads_indexes, network, regions, container
    }
  }

  call Gather { input: shards = Score.scored, container }

  call Filter {
    input: scored = Gather.scored, resources, container
  }

  output {
    File scored = Gather.scored
    File scored_index = Gather.scored_index
    File filtered = Filter.filtered
    File filtered_index = Filter.filtered_index
  }
}

task Scatter {
  input {
    File calls
    File calls_index
    Int number
    String container
  }

  command <<<
    set -euo pipefail
    cnnscore shards '~{calls}##idx##~{calls_index}' -n ~{number} -o shards.tsv
    cut -f 1 shards.tsv > regions.txt
  >>>

  output {
    Array[String] regions = read_lines("regions.txt")
  }

  runtime {
    container: container
  }
}

task Score {
  input {
    File calls
    File calls_index
    File reference
    File reference_index
    Array[File] reads
    Array[File] reads_indexes
    File? network
    String? regions
    String container
    Int cpu = 2
    String memory = "2 GB"
  }

  # Engines may put an index elsewhere than its file. A record belongs to the shard of its POS.
  command <<<
    set -euo pipefail
    ln -s '~{reference}' ref.fa
    ln -s '~{reference_index}' ref.fa.fai
    reads=(~{sep(" ", squote(reads))})
    indexes=(~{sep(" ", squote(reads_indexes))})
    with_reads=()
    for i in "${!reads[@]}"; do
      with_reads+=(-I "${reads[i]}##idx##${indexes[i]}")
    done
    cnnscore score '~{calls}##idx##~{calls_index}' -R ref.fa "${with_reads[@]}" \
      ~{"-m '" + network + "'"} ~{"-r '" + regions + "' --regions-overlap pos"} \
      --threads ~{cpu} -o scored.vcf.gz --quiet
  >>>

  output {
    File scored = "scored.vcf.gz"
  }

  runtime {
    container: container
    cpu: cpu
    memory: memory
  }
}

task Gather {
  input {
    Array[File] shards
    String container
  }

  command <<<
    set -euo pipefail
    cnnscore gather ~{sep(" ", squote(shards))} -o scored.vcf.gz -W=tbi --quiet
  >>>

  output {
    File scored = "scored.vcf.gz"
    File scored_index = "scored.vcf.gz.tbi"
  }

  runtime {
    container: container
  }
}

task Filter {
  input {
    File scored
    Array[File] resources
    String container
  }

  command <<<
    set -euo pipefail
    cnnscore filter '~{scored}' ~{sep(" ", prefix("--resource ", squote(resources)))} -o filtered.vcf.gz -W=tbi --quiet
  >>>

  output {
    File filtered = "filtered.vcf.gz"
    File filtered_index = "filtered.vcf.gz.tbi"
  }

  runtime {
    container: container
  }
}
