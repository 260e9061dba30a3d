// Scores of one shard of variants with one model
process VARIANTS {
    tag "${meta.id}"
    label 'process_low'
    label 'process_gpu'

    input:
    tuple val(meta), path(model, stageAs: 'model'), path(shard, stageAs: 'shard')

    output:
    tuple val(meta), path('scored', type: 'dir'), emit: scored
    tuple val("${task.process}"), eval('seformer-version seformer torch'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    """
    export OMP_NUM_THREADS=${task.cpus}
    seformer-variants \\
        --model model \\
        --shard shard \\
        --out scored \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    mkdir scored
    touch scored/scores.tsv
    """
}
