// The shards of one BED file together again: one track, one table
process MERGE_ATTRIBUTIONS {
    tag "${meta.id}"
    label 'process_single'

    input:
    tuple val(meta), path(shards, stageAs: 'shards/?')
    path chromosome_sizes, stageAs: 'genome.fai'
    path gtf, stageAs: 'genes/*'

    output:
    tuple val(meta), path('merged/{attributions.bw,attributions.tsv,attributions_windows.tsv,top.json,summary.json}'), emit: attributions
    // not the folder: what lies inside one would no longer be published by itself
    tuple val(meta), path('merged/attributions.{tsv,safetensors}')    , emit: values
    tuple val(meta), path('merged/{attributions.tsv,attributions_windows.tsv,attributions.safetensors,top.json,summary.json}'), emit: unchecked
    tuple val(meta), path("for_report/${meta.sample}", type: 'dir')   , emit: results
    tuple val("${task.process}"), eval('seformer-version seformer pybigtools'), topic: versions, emit: versions

    script:
    def args   = task.ext.args ?: ''
    def genes  = gtf ? '--gtf genes/*' : ''
    def inputs = (1..meta.shards).collect { i -> "shards/${i}" }
    """
    seformer-merge-attributions \\
        --chrom-sizes genome.fai \\
        --out merged \\
        ${genes} ${args} \\
        ${inputs.join(' ')}
    mkdir -p 'for_report/${meta.sample}/${meta.bed}'
    cp merged/{attributions.tsv,attributions_windows.tsv,top.json,summary.json} 'for_report/${meta.sample}/${meta.bed}/'
    """

    stub:
    """
    mkdir -p merged 'for_report/${meta.sample}/${meta.bed}'
    touch merged/{attributions.bw,attributions.tsv,attributions_windows.tsv,attributions.safetensors,top.json,summary.json}
    cp merged/summary.json 'for_report/${meta.sample}/${meta.bed}/'
    """
}
