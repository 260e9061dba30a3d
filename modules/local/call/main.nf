// Super- and typical enhancers from the peaks and the signal of an experiment
process CALL {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(peaks, stageAs: 'peaks/*'), path(signal, stageAs: 'signal/*'), path(control, stageAs: 'control/*')
    path gtf, stageAs: 'genes/*'
    path genome, stageAs: 'genome/*'

    output:
    tuple val(meta), path("called/${meta.id}", type: 'dir'), emit: called
    tuple val("${task.process}"), eval('seformer-version seformer pysam pybigtools pandas'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    def also = (control ? '--control control/!(*.bai|*.csi) ' : '') + (gtf ? '--gtf genes/*' : '')
    """
    shopt -s extglob
    seformer-call \\
        --peaks peaks/* \\
        --signal signal/!(*.bai|*.csi) \\
        --fasta genome/!(*.fai|*.gzi) \\
        ${also} \\
        --out 'called/${meta.id}' \\
        ${args}
    """

    stub:
    """
    mkdir -p 'called/${meta.id}'
    touch 'called/${meta.id}'/{AllEnhancers.table.txt,super_enhancers.bed,typical_enhancers.bed,constituents.bed}
    """
}
