// Motifs found anew: patterns that repeat where the attributions are high, without a motif file
process MODISCO {
    tag "${meta.id}"
    label 'process_medium'

    input:
    tuple val(meta), path(attributions, stageAs: 'attributions/*')
    path motifs, stageAs: 'motifs.meme'

    output:
    tuple val(meta), path('patterns', type: 'dir')                 , emit: patterns
    tuple val(meta), path("for_report/${meta.sample}", type: 'dir'), emit: results
    tuple val("${task.process}"), eval('seformer-version seformer modisco-lite'), topic: versions, emit: versions

    script:
    def args  = task.ext.args ?: ''
    def known = motifs ? '--motifs motifs.meme' : ''
    """
    seformer-modisco \\
        --attributions attributions \\
        --out patterns \\
        --threads ${task.cpus} \\
        ${known} \\
        ${args}
    mkdir -p 'for_report/${meta.sample}/${meta.bed}'
    cp patterns/{patterns.tsv,summary.json} 'for_report/${meta.sample}/${meta.bed}/'
    """

    stub:
    """
    mkdir -p patterns/report 'for_report/${meta.sample}/${meta.bed}'
    touch patterns/{patterns.tsv,patterns.meme,seqlets.bed,summary.json}
    cp patterns/{patterns.tsv,summary.json} 'for_report/${meta.sample}/${meta.bed}/'
    """
}
