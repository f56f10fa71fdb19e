// Score and filter calls in shards, by the modules of ../nf-core. nextflow.config, which the
// pipeline includes, gives each task its shard.

include { CNNSCORE_SHARDS } from '../nf-core/shards/main'
include { CNNSCORE_SCORE  } from '../nf-core/score/main'
include { CNNSCORE_GATHER } from '../nf-core/gather/main'
include { CNNSCORE_FILTER } from '../nf-core/filter/main'

workflow VCF_SCORE_FILTER_CNNSCORE {
    take:
    ch_calls      // channel: [ val(meta), path(vcf), path(tbi), [ path(reads) ], [ path(reads_index) ] ]
    ch_fasta      // value channel: [ val(meta2), path(fasta) ]
    ch_fai        // value channel: [ val(meta3), path(fai) ]
    network       // path(onnx), or []
    resources     // [ path(vcf) ], or []
    resources_tbi // [ path(tbi) ], or []

    main:
    CNNSCORE_SHARDS(ch_calls.map { meta, vcf, tbi, reads, reads_index -> [ meta, vcf, tbi ] })

    // One task per shard; `of` tells gather how many it waits for.
    ch_shards = CNNSCORE_SHARDS.out.shards
        .join(ch_calls, failOnMismatch: true, failOnDuplicate: true)
        .flatMap { meta, table, vcf, tbi, reads, reads_index ->
            def lines = table.readLines()
            if (!lines) error("${meta.id}: ${vcf} declares no contig: there is nothing to score")
            lines.withIndex().collect { line, i ->
                def shard = [ sample: meta, number: i, of: lines.size(), regions: line.split('\t')[0] ]
                [ [ id: meta.id, shard: shard ], vcf, tbi, reads, reads_index, [] ]
            }
        }
    CNNSCORE_SCORE(ch_shards, ch_fasta, ch_fai, network)

    // In the order of the calls, whichever ended first.
    ch_scored = CNNSCORE_SCORE.out.vcf
        .map { meta, vcf -> [ groupKey(meta.shard.sample, meta.shard.of), [ meta.shard.number, vcf ] ] }
        .groupTuple()
        .map { key, rows -> [ key.getGroupTarget(), rows.sort { row -> row[0] }.collect { row -> row[1] } ] }
    CNNSCORE_GATHER(ch_scored)

    CNNSCORE_FILTER(CNNSCORE_GATHER.out.vcf.join(CNNSCORE_GATHER.out.tbi), resources, resources_tbi)

    emit:
    scored       = CNNSCORE_GATHER.out.vcf // channel: [ val(meta), path(vcf) ]
    scored_tbi   = CNNSCORE_GATHER.out.tbi // channel: [ val(meta), path(tbi) ]
    filtered     = CNNSCORE_FILTER.out.vcf // channel: [ val(meta), path(vcf) ]
    filtered_tbi = CNNSCORE_FILTER.out.tbi // channel: [ val(meta), path(tbi) ]
}
