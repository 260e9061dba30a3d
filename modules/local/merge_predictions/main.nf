// The shards of one BED file together again, in the order of its rows
process MERGE_PREDICTIONS {
    tag "${meta.id}"
    label 'process_single'

    input:
    tuple val(meta), path(shards, stageAs: 'shards/?'), path(regions, stageAs: 'regions/*')
    path chromosome_sizes, stageAs: 'genome.fai'
    path gtf, stageAs: 'genes/*'
    val top // so many of the highest scores are to be explained

    output:
    tuple val(meta), path("merged/{predictions.tsv,predictions.bed,predictions.ucsc.bed,predictions.bb,top.tsv,summary.json}"), emit: predictions
    tuple val(meta), path("labelled/${meta.bed}.tsv"), optional: true  , emit: labelled
    tuple val(meta), path("top/${meta.bed}.top${top}.tsv"), optional: true, emit: top
    tuple val(meta), path("for_report/${meta.sample}", type: 'dir'), emit: results
    tuple val("${task.process}"), eval('seformer-version seformer pandas pybigtools'), topic: versions, emit: versions

    script:
    def args   = task.ext.args ?: ''
    def genes  = gtf ? '--gtf genes/*' : ''
    def inputs = (1..meta.shards).collect { i -> "shards/${i}" }
    """
    seformer-merge-predictions \\
        --regions regions/* \\
        --chrom-sizes genome.fai \\
        --out merged \\
        ${genes} ${args} \\
        ${inputs.join(' ')}
    mkdir -p labelled 'for_report/${meta.sample}/${meta.bed}'
    if [ ${top} -gt 0 ] && [ "\$(wc -l < merged/top.tsv)" -gt 1 ]; then
        mkdir top
        head -n ${top + 1} merged/top.tsv > 'top/${meta.bed}.top${top}.tsv'
    fi
    [ ! -f merged/labelled.tsv ] || mv merged/labelled.tsv 'labelled/${meta.bed}.tsv'
    cp merged/{predictions.tsv,top.tsv,summary.json} 'for_report/${meta.sample}/${meta.bed}/'
    """

    stub:
    """
    mkdir -p merged labelled top 'for_report/${meta.sample}/${meta.bed}'
    [ ${top} -eq 0 ] || touch 'top/${meta.bed}.top${top}.tsv'
    touch merged/{predictions.tsv,predictions.bed,predictions.ucsc.bed,predictions.bb,top.tsv,summary.json} 'labelled/${meta.bed}.tsv'
    cp merged/summary.json 'for_report/${meta.sample}/${meta.bed}/'
    """
}
