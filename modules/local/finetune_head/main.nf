// Stage 1: the classifier on the frozen backbone, whose features are computed once
process FINETUNE_HEAD {
    tag "${([meta.id] + meta.run.tokenize('/')).join(', ')}"
    label 'process_medium'
    label 'process_gpu'

    input:
    tuple val(meta), path(extracted, stageAs: 'extracted/?'), path(splits, stageAs: 'splits/?')
    tuple val(name), path(backbone, stageAs: 'backbone/*')

    output:
    tuple val(meta), path("head/${meta.id}", type: 'dir')              , emit: model
    tuple val(meta), path("history/${meta.id}/${meta.run}history.tsv"), emit: history
    tuple val("${task.process}"), eval('seformer-version seformer torch transformers'), topic: versions, emit: versions

    script:
    def args   = task.ext.args ?: ''
    def source = backbone ? 'backbone/*' : "'${name}'"
    def inputs = (1..meta.members).collect { i -> "--extracted extracted/${i} --splits splits/${i}/splits.tsv" }
    """
    export OMP_NUM_THREADS=${task.cpus}
    seformer-finetune-head \\
        ${inputs.join(' ')} \\
        --model ${source} \\
        --sample '${meta.id}' \\
        --out 'head/${meta.id}' \\
        --threads ${task.cpus} \\
        ${args}
    mkdir -p 'history/${meta.id}/${meta.run}'
    cp 'head/${meta.id}/history.tsv' 'history/${meta.id}/${meta.run}'
    """

    stub:
    """
    mkdir -p 'head/${meta.id}'
    mkdir -p 'history/${meta.id}/${meta.run}'
    touch 'history/${meta.id}/${meta.run}history.tsv'
    touch 'head/${meta.id}/'{config.json,model.safetensors,seformer.json,history.tsv}
    """
}
