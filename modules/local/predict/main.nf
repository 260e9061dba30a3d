// Scores of one shard of regions with one model
process PREDICT {
    tag "${meta.id}"
    label 'process_low'
    label 'process_gpu'

    input:
    tuple val(meta), path(model, stageAs: 'model'), path(extracted, stageAs: 'extracted')

    output:
    tuple val(meta), path('predicted', type: 'dir'), emit: predicted
    tuple val("${task.process}"), eval('seformer-version seformer torch'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    """
    export OMP_NUM_THREADS=${task.cpus}
    seformer-predict \\
        --model model \\
        --extracted extracted \\
        --out predicted \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    mkdir predicted
    touch predicted/{predictions.tsv,predictions.bed,predictions.ucsc.bed,top.tsv,summary.json}
    """
}
