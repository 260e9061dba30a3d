// How far the attributions of one BED file with one model can be believed; only the report waits
process FAITHFULNESS {
    tag "${meta.id}"
    label 'process_low'
    label 'process_gpu'

    input:
    tuple val(meta), path(model, stageAs: 'model'), path(attributions, stageAs: 'attributions/*')

    output:
    tuple val(meta), path('checked/summary.json')                  , emit: summary
    tuple val(meta), path("for_report/${meta.sample}", type: 'dir'), emit: results
    tuple val("${task.process}"), eval('seformer-version seformer torch scipy'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    """
    export OMP_NUM_THREADS=${task.cpus}
    seformer-faithfulness \\
        --model model \\
        --attributions attributions \\
        --out checked \\
        --threads ${task.cpus} \\
        ${args}
    mkdir -p 'for_report/${meta.sample}/${meta.bed}'
    cp attributions/{attributions.tsv,attributions_windows.tsv,top.json} checked/summary.json 'for_report/${meta.sample}/${meta.bed}/'
    """

    stub:
    """
    mkdir -p checked 'for_report/${meta.sample}/${meta.bed}'
    touch checked/summary.json
    cp checked/summary.json 'for_report/${meta.sample}/${meta.bed}/'
    """
}
