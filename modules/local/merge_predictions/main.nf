// The shards of one BED file together again, in the order of its rows
process MERGE_PREDICTIONS {
    tag "${meta.id}"
    label 'process_single'

    input:
    tuple val(meta), path(shards, stageAs: 'shards/?'), path(regions, stageAs: 'regions/*')

    output:
    tuple val(meta), path("predictions/${meta.sample}/${meta.bed}/predictions.{tsv,bed}"), emit: predictions
    tuple val(meta), path("predictions/${meta.sample}", type: 'dir')                       , emit: results
    tuple val("${task.process}"), val('seformer'), eval('seformer-version seformer'), topic: versions, emit: versions_seformer
    tuple val("${task.process}"), val('pandas'), eval('seformer-version pandas'), topic: versions, emit: versions_pandas

    script:
    def args   = task.ext.args ?: ''
    def inputs = (1..meta.shards).collect { i -> "shards/${i}" }
    """
    seformer-merge-predictions \\
        --regions regions/* \\
        --out 'predictions/${meta.sample}/${meta.bed}' \\
        ${args} \\
        ${inputs.join(' ')}
    """

    stub:
    """
    mkdir -p 'predictions/${meta.sample}/${meta.bed}'
    touch 'predictions/${meta.sample}/${meta.bed}/'{predictions.tsv,predictions.bed,summary.json}
    """
}
