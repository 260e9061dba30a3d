// Regions in whatever form they come, with their bases: one table and one bgzipped FASTA
process EXTRACT {
    tag "${meta.id}"
    label 'process_low'

    input:
    tuple val(meta), path(super_enhancers, stageAs: 'super_enhancers/*'), path(typical_enhancers, stageAs: 'typical_enhancers/*'), path(regions, stageAs: 'regions/*'), path(constituents, stageAs: 'constituents/*')
    path genome, stageAs: 'genome/*'
    path blacklist, stageAs: 'blacklist/*'

    output:
    tuple val(meta), path("extracted/${meta.id}", type: 'dir'), optional: true           , emit: extracted
    tuple val(meta), path("extracted/${meta.id}/shard_*", type: 'dir'), optional: true   , emit: shards
    path 'passed_over.json', optional: true                                              , emit: passed_over
    tuple val("${task.process}"), eval('seformer-version seformer pysam pandas'), topic: versions, emit: versions

    script:
    def args   = task.ext.args ?: ''
    def source = regions
        ? '--regions regions/*'
        : '--super-enhancers super_enhancers/*' + (typical_enhancers ? ' --typical-enhancers typical_enhancers/*' : '')
    def also   = (constituents ? '--constituents constituents/* ' : '') + (blacklist ? '--blacklist blacklist/*' : '')
    """
    shopt -s extglob
    seformer-extract \\
        --fasta genome/!(*.fai|*.gzi) \\
        ${source} ${also} \\
        --sample '${meta.id}' \\
        --out 'extracted/${meta.id}' \\
        ${args}
    """

    stub:
    def args   = task.ext.args ?: ''
    def folder = args.contains('--shard-bases') ? "extracted/${meta.id}/shard_0001 extracted/${meta.id}/shard_0002" : "extracted/${meta.id}"
    """
    for folder in ${folder}; do
        mkdir -p \$folder
        touch \$folder/regions.tsv \$folder/sequences.fa.gz
    done
    """
}
