// The shards of one BED file together again: one track, one table
process MERGE_ATTRIBUTIONS {
    tag "${meta.id}"
    label 'process_single'

    input:
    tuple val(meta), path(shards, stageAs: 'shards/?')
    path chromosome_sizes, stageAs: 'genome.fai'

    output:
    tuple val(meta), path("attributions/${meta.sample}/${meta.bed}/attributions.{bw,tsv}"), emit: attributions
    tuple val(meta), path("attributions/${meta.sample}", type: 'dir')                       , emit: results
    tuple val("${task.process}"), val('seformer'), eval('seformer-version seformer'), topic: versions, emit: versions_seformer
    tuple val("${task.process}"), val('pybigtools'), eval('seformer-version pybigtools'), topic: versions, emit: versions_pybigtools

    script:
    def args   = task.ext.args ?: ''
    def inputs = (1..meta.shards).collect { i -> "shards/${i}" }
    """
    seformer-merge-attributions \\
        --chrom-sizes genome.fai \\
        --out 'attributions/${meta.sample}/${meta.bed}' \\
        ${args} \\
        ${inputs.join(' ')}
    """

    stub:
    """
    mkdir -p 'attributions/${meta.sample}/${meta.bed}'
    touch 'attributions/${meta.sample}/${meta.bed}/'{attributions.bw,attributions.tsv,summary.json}
    """
}
