// The shards of one file of variants together again, with p and q over all of them
process MERGE_VARIANTS {
    tag "${meta.id}"
    label 'process_single'

    input:
    tuple val(meta), path(shards, stageAs: 'shards/?'), path(variants, stageAs: 'variants/*')
    path genome , stageAs: 'genome/*'
    path regions, stageAs: 'regions/*'
    path motifs , stageAs: 'motifs.meme'

    output:
    tuple val(meta), path('merged/{variants.*,null.tsv,summary.json}'), emit: variants
    tuple val(meta), path("for_report/${meta.sample}", type: 'dir')   , emit: results
    tuple val("${task.process}"), eval('seformer-version seformer scipy pysam'), topic: versions, emit: versions

    script:
    def args   = task.ext.args ?: ''
    def where  = regions ? '--regions regions/*' : ''
    def known  = motifs ? '--motifs motifs.meme' : ''
    def inputs = (1..meta.shards).collect { i -> "shards/${i}" }
    """
    shopt -s extglob
    export NUMBA_NUM_THREADS=${task.cpus}
    seformer-merge-variants \\
        --vcf variants/* \\
        --fasta genome/!(*.fai|*.gzi) \\
        --out merged \\
        ${where} ${known} ${args} \\
        ${inputs.join(' ')}
    mkdir -p 'for_report/${meta.sample}/${meta.bed}'
    cp merged/{variants.tsv,summary.json} 'for_report/${meta.sample}/${meta.bed}/'
    """

    stub:
    """
    mkdir -p merged 'for_report/${meta.sample}/${meta.bed}'
    touch merged/{variants.tsv,variants.vcf.gz,variants.vcf.gz.tbi,null.tsv,summary.json}
    cp merged/{variants.tsv,summary.json} 'for_report/${meta.sample}/${meta.bed}/'
    """
}
