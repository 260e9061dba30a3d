// An index of the genome; a genome in plain gzip is compressed anew, so that it can be read in places
process INDEX_GENOME {
    tag "${meta.id}"
    label 'process_single'

    input:
    tuple val(meta), path(fasta, stageAs: 'genome/*')

    output:
    tuple val(meta), path('indexed/*'), emit: files
    tuple val("${task.process}"), val('seformer'), eval('seformer-version seformer'), topic: versions, emit: versions_seformer
    tuple val("${task.process}"), val('pysam'), eval('seformer-version pysam'), topic: versions, emit: versions_pysam

    script:
    def args = task.ext.args ?: ''
    """
    seformer-index --fasta genome/* --out indexed ${meta.compress ? '--compress' : ''} ${args}
    """

    stub:
    """
    mkdir indexed
    ${meta.compress ? 'touch indexed/genome.fa.gz' : ''}
    touch indexed/genome.fa.fai
    """
}
