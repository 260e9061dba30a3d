// Stage 2: all layers, from the classifier of stage 1. Checkpoints lie outside the task's folder,
// so that the next attempt, or the next run with -resume, goes on from them
process FINETUNE_FULL {
    tag "${([meta.id] + meta.run.tokenize('/')).join(', ')}"
    label 'process_medium'
    label 'process_gpu'

    input:
    tuple val(meta), path(model, stageAs: 'stage1'), path(extracted, stageAs: 'extracted/?'), path(splits, stageAs: 'splits/?')
    tuple val(checkpoints), path(marker, stageAs: 'checkpoints.marker')

    output:
    tuple val(meta), path("full/${meta.id}", type: 'dir')              , emit: model
    tuple val(meta), path("history/${meta.id}/${meta.run}history.tsv"), emit: history
    tuple val("${task.process}"), eval('seformer-version seformer torch transformers accelerate'), topic: versions, emit: versions

    script:
    def args   = task.ext.args ?: ''
    def keep   = checkpoints ? "--checkpoints '${checkpoints}/${meta.id}/${meta.run}'" : ''
    def inputs = (1..meta.members).collect { i -> "--extracted extracted/${i} --splits splits/${i}/splits.tsv" }
    """
    export OMP_NUM_THREADS=${task.cpus}
    seformer-finetune-full \\
        --model stage1 \\
        ${inputs.join(' ')} \\
        --out 'full/${meta.id}' \\
        --threads ${task.cpus} \\
        ${keep} \\
        ${args}
    mkdir -p 'history/${meta.id}/${meta.run}'
    cp 'full/${meta.id}/history.tsv' 'history/${meta.id}/${meta.run}'
    """

    stub:
    """
    mkdir -p 'full/${meta.id}'
    mkdir -p 'history/${meta.id}/${meta.run}'
    touch 'history/${meta.id}/${meta.run}history.tsv'
    touch 'full/${meta.id}/'{config.json,model.safetensors,seformer.json,history.tsv}
    """
}
