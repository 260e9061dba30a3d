// The models of all folds as one, calibrated on what each fold held out
process ENSEMBLE {
    tag "${meta.id}"
    label 'process_single'

    input:
    tuple val(meta), path(calibrated, stageAs: 'calibrated/?')

    output:
    tuple val(meta), path("ensemble/${meta.id}/model", type: 'dir'), emit: model
    tuple val("${task.process}"), eval('seformer-version seformer torch'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    def all  = (1..[calibrated].flatten().size()).collect { i -> "calibrated/${i}" }
    """
    seformer-ensemble \\
        --sample '${meta.id}' \\
        --out 'ensemble/${meta.id}/model' \\
        ${args} \\
        ${all.join(' ')}
    """

    stub:
    """
    mkdir -p 'ensemble/${meta.id}/model'
    touch 'ensemble/${meta.id}/model/'{config.json,model.safetensors,seformer.json}
    """
}
