// What each constituent of super-enhancers is worth to their score with one model
process DISSECT {
    tag "${meta.id}"
    label 'process_medium'
    label 'process_gpu'

    input:
    tuple val(meta), path(model, stageAs: 'model'), path(regions, stageAs: 'regions/*'), path(split, stageAs: 'split/*'), path(constituents, stageAs: 'constituents/*')
    path genome, stageAs: 'genome/*'

    output:
    tuple val(meta), path('dissected', type: 'dir')                , emit: dissected
    tuple val(meta), path("for_report/${meta.sample}", type: 'dir'), emit: results
    tuple val("${task.process}"), eval('seformer-version seformer torch scipy'), topic: versions, emit: versions

    script:
    def args   = task.ext.args ?: ''
    def source = split ? '--splits split/*' : '--regions regions/*'
    """
    shopt -s extglob
    export OMP_NUM_THREADS=${task.cpus}
    seformer-dissect \\
        --model model \\
        --fasta genome/!(*.fai|*.gzi) \\
        ${source} \\
        --constituents constituents/* \\
        --out dissected \\
        --threads ${task.cpus} \\
        ${args}
    mkdir -p 'for_report/${meta.sample}'
    cp -r dissected 'for_report/${meta.sample}/${meta.bed}'
    """

    stub:
    """
    mkdir -p dissected 'for_report/${meta.sample}'
    touch dissected/{constituents.tsv,pairs.tsv,constituents.bed,summary.json}
    cp -r dissected 'for_report/${meta.sample}/${meta.bed}'
    """
}
