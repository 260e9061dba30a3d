// An index of the genome; of one that cannot be read in places (plain gzip, uneven lines) also a copy that can
process INDEX_GENOME {
    tag "${meta.id}"
    label 'process_single'

    input:
    tuple val(meta), path(fasta, stageAs: 'genome/*')

    output:
    tuple val(meta), path('indexed/*'), emit: files
    tuple val("${task.process}"), eval('seformer-version seformer pysam'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    """
    seformer-index --fasta genome/* --out indexed ${args}
    """

    stub:
    """
    mkdir indexed
    touch indexed/genome.fa.fai
    """
}
