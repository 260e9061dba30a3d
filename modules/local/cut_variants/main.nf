// Variants and the random substitutions beside them, cut into shards of like work
process CUT_VARIANTS {
    tag "${meta.id}"
    label 'process_single'

    input:
    tuple val(meta), path(variants, stageAs: 'variants/*')
    path genome , stageAs: 'genome/*'
    path regions, stageAs: 'regions/*'

    output:
    tuple val(meta), path('cut', type: 'dir')        , emit: cut
    tuple val(meta), path('cut/shard_*', type: 'dir'), emit: shards
    tuple val("${task.process}"), eval('seformer-version seformer pysam'), topic: versions, emit: versions

    script:
    def args  = task.ext.args ?: ''
    def where = regions ? '--regions regions/*' : ''
    """
    shopt -s extglob
    seformer-cut-variants \\
        --vcf variants/* \\
        --fasta genome/!(*.fai|*.gzi) \\
        --out cut \\
        ${where} ${args}
    """

    stub:
    """
    mkdir -p cut/shard_0001 cut/shard_0002
    touch cut/shard_000{1,2}/{blocks,edits}.tsv
    """
}
