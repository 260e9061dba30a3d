// Masked-token training of the backbone, without labels and without what the split holds out.
// Checkpoints lie outside the task's folder, as those of stage 2
process PRETRAIN {
    tag "${meta.run.tokenize('/').join(', ') ?: name}"
    label 'process_medium'
    label 'process_gpu'

    input:
    tuple val(meta), path(splits, stageAs: 'splits/?/*')
    path genome, stageAs: 'genome/*'
    path regions, stageAs: 'regions/*'
    tuple val(name), path(backbone, stageAs: 'backbone/*')
    tuple val(checkpoints), path(marker, stageAs: 'checkpoints.marker')

    output:
    tuple val(meta), path('pretraining', type: 'dir')                       , emit: model
    tuple val(meta), path("record/pretraining/${meta.run}{summary.json,loss.tsv}"), emit: record
    tuple val("${task.process}"), eval('seformer-version seformer torch transformers accelerate'), topic: versions, emit: versions

    script:
    def args   = task.ext.args ?: ''
    def source = backbone ? 'backbone/*' : "'${name}'"
    def keep   = checkpoints ? "--checkpoints '${checkpoints}/pretraining/${meta.run}'" : ''
    def tables = [splits].flatten().collect { table -> "--splits '${table}'" }
    """
    shopt -s extglob
    export OMP_NUM_THREADS=${task.cpus}
    seformer-pretrain \\
        --model ${source} \\
        --fasta genome/!(*.fai|*.gzi) \\
        ${regions ? '--regions regions/*' : ''} \\
        ${tables.join(' ')} \\
        --out pretraining \\
        --threads ${task.cpus} \\
        ${keep} \\
        ${args}
    mkdir -p 'record/pretraining/${meta.run}'
    cp pretraining/summary.json pretraining/loss.tsv 'record/pretraining/${meta.run}'
    """

    stub:
    """
    mkdir pretraining
    mkdir -p 'record/pretraining/${meta.run}'
    touch pretraining/{config.json,model.safetensors,vocab.txt,summary.json,loss.tsv}
    touch 'record/pretraining/${meta.run}'{summary.json,loss.tsv}
    """
}
