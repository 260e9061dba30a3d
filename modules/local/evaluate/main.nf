// The held-out test part measured, beside its baselines: of scores that are there already
process EVALUATE {
    tag "${meta.fold ? "${meta.id}, fold_${meta.fold}" : meta.id}"
    label 'process_single'

    input:
    tuple val(meta), path(calibrated, stageAs: 'calibrated'), path(baselines, stageAs: 'baselines'), path(extracted, stageAs: 'extracted/?'), path(splits, stageAs: 'splits/?'), path(twin, stageAs: 'random_twin')

    output:
    tuple val(meta), path("evaluated/${meta.id}/model", type: 'dir')      , emit: model
    tuple val(meta), path("evaluated/${meta.id}/metrics.json")            , emit: metrics
    tuple val(meta), path("evaluated/${meta.id}/metrics.tsv")             , emit: measures
    tuple val(meta), path("evaluated/${meta.id}/curves.json")             , emit: curves
    tuple val(meta), path("evaluated/${meta.id}/test_predictions.tsv")    , emit: predictions
    tuple val(meta), path("for_report/${meta.id}", type: 'dir')           , emit: results
    tuple val("${task.process}"), eval('seformer-version seformer scikit-learn'), topic: versions, emit: versions

    script:
    def args   = task.ext.args ?: ''
    def inputs = (1..meta.members).collect { i -> "--extracted extracted/${i} --splits splits/${i}/splits.tsv" }
    def beside = twin ? ['--random-twin random_twin'] : []
    """
    export OMP_NUM_THREADS=${task.cpus}
    seformer-evaluate \\
        --calibrated calibrated \\
        --baseline-scores baselines \\
        ${inputs.join(' ')} \\
        ${beside.join(' ')} \\
        --sample '${meta.id}' \\
        --out 'evaluated/${meta.id}' \\
        --threads ${task.cpus} \\
        ${args}
    # what the report reads, without the weights
    mkdir -p 'for_report/${meta.id}'
    cp 'evaluated/${meta.id}/'*.{json,tsv} 'evaluated/${meta.id}/model/seformer.json' 'for_report/${meta.id}/'
    """

    stub:
    """
    mkdir -p 'evaluated/${meta.id}/model'
    mkdir -p 'for_report/${meta.id}'
    touch 'evaluated/${meta.id}/model/'{config.json,model.safetensors,seformer.json,README.md} 'evaluated/${meta.id}/'{metrics,test_predictions}.tsv
    echo '{}' > 'evaluated/${meta.id}/curves.json'
    echo '{"test": {"n": 0, "model": {"auroc": {"value": 0.5, "low": 0.4, "high": 0.6}}, "delta": {"auroc": {"baseline": "gc", "value": 0.0, "low": -0.1, "high": 0.1}}}}' > 'evaluated/${meta.id}/metrics.json'
    """
}
