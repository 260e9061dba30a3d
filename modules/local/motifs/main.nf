// Stretches of high attribution named after the motifs of a file, counted in SE against TE
process MOTIFS {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(attributions, stageAs: 'attributions/*')
    path motifs, stageAs: 'motifs.meme'

    output:
    tuple val(meta), path('named', type: 'dir')                    , emit: motifs
    tuple val(meta), path("for_report/${meta.sample}", type: 'dir'), emit: results
    tuple val("${task.process}"), eval('seformer-version seformer tangermeme memelite'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    """
    export OMP_NUM_THREADS=${task.cpus} NUMBA_NUM_THREADS=${task.cpus}
    seformer-motifs \\
        --attributions attributions \\
        --motifs motifs.meme \\
        --out named \\
        --threads ${task.cpus} \\
        ${args}
    mkdir -p 'for_report/${meta.sample}'
    cp -r named 'for_report/${meta.sample}/${meta.bed}'
    """

    stub:
    """
    mkdir -p named/logos 'for_report/${meta.sample}'
    touch named/{motifs.tsv,seqlets.bed,seqlets.tsv,summary.json}
    cp -r named 'for_report/${meta.sample}/${meta.bed}'
    """
}
