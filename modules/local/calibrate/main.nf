// Probabilities, threshold and sets of a trained model, before its test: what scores and
// explanations need. Several models are one ensemble
process CALIBRATE {
    tag "${([meta.id] + (meta.fold ? ["fold_${meta.fold}"] : []) + (meta.twin ? ['random_twin'] : [])).join(', ')}"
    label 'process_medium'
    label 'process_gpu'

    input:
    tuple val(meta), path(models, stageAs: 'stage2/?'), path(extracted, stageAs: 'extracted/?'), path(splits, stageAs: 'splits/?')

    output:
    tuple val(meta), path("calibrated/${meta.id}", type: 'dir'), emit: calibrated
    tuple val("${task.process}"), eval('seformer-version seformer torch'), topic: versions, emit: versions

    script:
    def args    = task.ext.args ?: ''
    def trained = (1..[models].flatten().size()).collect { i -> "--model stage2/${i}" }
    def inputs  = (1..meta.members).collect { i -> "--extracted extracted/${i} --splits splits/${i}/splits.tsv" }
    """
    export OMP_NUM_THREADS=${task.cpus}
    seformer-calibrate \\
        ${trained.join(' ')} \\
        ${inputs.join(' ')} \\
        --sample '${meta.id}' \\
        --out 'calibrated/${meta.id}' \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    mkdir -p 'calibrated/${meta.id}/model'
    touch 'calibrated/${meta.id}/model/'{config.json,model.safetensors,seformer.json} 'calibrated/${meta.id}/held_out.tsv'
    """
}
