// The scores of a file that carries labels, beside baselines: an external test in the same run
process JUDGE {
    tag "${meta.id}"
    label 'process_medium'

    input:
    tuple val(meta), path(scores, stageAs: 'scores/*'), path(training, stageAs: 'training/?/*')
    path genome, stageAs: 'genome/*'

    output:
    tuple val(meta), path('judged', type: 'dir'), optional: true                   , emit: judged
    tuple val(meta), path("for_report/${meta.sample}", type: 'dir'), optional: true, emit: results
    tuple val("${task.process}"), eval('seformer-version seformer torch scikit-learn'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    def seen = [training].flatten().withIndex(1).collect { _file, i -> "--training training/${i}/*" }
    """
    shopt -s extglob
    export OMP_NUM_THREADS=${task.cpus}
    seformer-judge \\
        --scores scores/* \\
        --fasta genome/!(*.fai|*.gzi) \\
        ${seen.join(' ')} \\
        --sample '${meta.sample}' \\
        --out judged \\
        --skip-few \\
        ${args}
    # of too few regions nothing is written
    if [ -d judged ]; then
        mkdir -p 'for_report/${meta.sample}/${meta.bed}'
        cp judged/*.json 'for_report/${meta.sample}/${meta.bed}/'
    fi
    """

    stub:
    """
    mkdir -p judged 'for_report/${meta.sample}'
    touch judged/{metrics.json,metrics.tsv,curves.json,judged.tsv}
    """
}
