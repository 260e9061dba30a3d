// Stretches of high attribution named after the motifs of a file, counted in SE against TE
process MOTIFS {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(attributions, stageAs: 'attributions')
    path motifs, stageAs: 'motifs.meme'

    output:
    tuple val(meta), path("named/${meta.sample}/${meta.bed}", type: 'dir'), emit: motifs
    tuple val(meta), path("named/${meta.sample}", type: 'dir')            , emit: results
    tuple val("${task.process}"), val('seformer'), eval('seformer-version seformer'), topic: versions, emit: versions_seformer
    tuple val("${task.process}"), val('tangermeme'), eval('seformer-version tangermeme'), topic: versions, emit: versions_tangermeme
    tuple val("${task.process}"), val('memelite'), eval('seformer-version memelite'), topic: versions, emit: versions_memelite

    script:
    def args = task.ext.args ?: ''
    """
    export OMP_NUM_THREADS=${task.cpus} NUMBA_NUM_THREADS=${task.cpus}
    mkdir -p 'named/${meta.sample}'
    seformer-motifs \\
        --attributions attributions \\
        --motifs motifs.meme \\
        --out 'named/${meta.sample}/${meta.bed}' \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    mkdir -p 'named/${meta.sample}/${meta.bed}/logos'
    touch 'named/${meta.sample}/${meta.bed}'/{motifs.tsv,seqlets.bed,summary.json}
    """
}
