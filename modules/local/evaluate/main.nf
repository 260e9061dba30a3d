// The held-out test part, scored once, beside its baselines; several models are one ensemble
process EVALUATE {
    tag "${meta.fold ? "${meta.id}, fold_${meta.fold}" : meta.id}"
    label 'process_medium'
    label 'process_gpu'

    input:
    tuple val(meta), path(models, stageAs: 'stage2/?'), path(extracted, stageAs: 'extracted/?'), path(splits, stageAs: 'splits/?'), path(twin, stageAs: 'random_twin')
    tuple val(track_names), path(tracks, stageAs: 'tracks/?')

    output:
    tuple val(meta), path("evaluated/${meta.id}/model", type: 'dir')      , emit: model
    tuple val(meta), path("evaluated/${meta.id}/metrics.json")            , emit: metrics
    tuple val(meta), path("evaluated/${meta.id}/metrics.tsv")             , emit: measures
    tuple val(meta), path("evaluated/${meta.id}/curves.json")             , emit: curves
    tuple val(meta), path("evaluated/${meta.id}/test_predictions.tsv")    , emit: predictions
    tuple val(meta), path("for_report/${meta.id}", type: 'dir')           , emit: results
    tuple val("${task.process}"), eval('seformer-version seformer torch scikit-learn'), topic: versions, emit: versions

    script:
    def args   = task.ext.args ?: ''
    def trained = (1..[models].flatten().size()).collect { i -> "--model stage2/${i}" }
    def inputs = (1..meta.members).collect { i -> "--extracted extracted/${i} --splits splits/${i}/splits.tsv" }
    // under numbers, whatever the files are called
    def pairs  = track_names.withIndex().collect { name, i -> "${name}=tracks/${i + 1}" }
    def beside = (twin ? ['--random-twin random_twin'] : []) + (tracks ? ["--baseline-tracks '${pairs.join(',')}'"] : [])
    """
    export OMP_NUM_THREADS=${task.cpus}
    seformer-evaluate \\
        ${trained.join(' ')} \\
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
