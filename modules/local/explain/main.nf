// Base-level attributions of one shard of regions with one model
process EXPLAIN {
    tag "${meta.id}"
    label 'process_low'
    label 'process_gpu'

    input:
    tuple val(meta), path(model, stageAs: 'model'), path(extracted, stageAs: 'extracted')

    output:
    tuple val(meta), path('explained', type: 'dir'), emit: explained
    tuple val("${task.process}"), eval('seformer-version seformer torch captum'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    """
    export OMP_NUM_THREADS=${task.cpus}
    seformer-explain \\
        --model model \\
        --extracted extracted \\
        --out explained \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    mkdir explained
    touch explained/{attributions.tsv,attributions_windows.tsv,attributions.safetensors,top.json,summary.json}
    """
}
