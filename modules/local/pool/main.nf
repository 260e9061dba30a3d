// The test parts of all folds as one result, beside the ensemble of all folds' models
process POOL {
    tag "${meta.id}"
    label 'process_single'

    input:
    tuple val(meta), path(evaluated, stageAs: 'evaluated/?'), path(ensemble, stageAs: 'ensemble')

    output:
    tuple val(meta), path("pooled/${meta.id}/model", type: 'dir')      , emit: model
    tuple val(meta), path("pooled/${meta.id}/metrics.json")            , emit: metrics
    tuple val(meta), path("pooled/${meta.id}/metrics.tsv")             , emit: measures
    tuple val(meta), path("pooled/${meta.id}/curves.json")             , emit: curves
    tuple val(meta), path("pooled/${meta.id}/test_predictions.tsv")    , emit: predictions
    tuple val(meta), path("for_report/${meta.id}", type: 'dir')        , emit: results
    tuple val("${task.process}"), eval('seformer-version seformer'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    def all  = (1..[evaluated].flatten().size()).collect { i -> "evaluated/${i}" }
    """
    seformer-pool \\
        --sample '${meta.id}' \\
        --out 'pooled/${meta.id}' \\
        --ensemble ensemble \\
        ${args} \\
        ${all.join(' ')}
    mkdir -p 'for_report/${meta.id}'
    cp 'pooled/${meta.id}/'*.{json,tsv} 'pooled/${meta.id}/model/seformer.json' 'for_report/${meta.id}/'
    """

    stub:
    """
    mkdir -p 'pooled/${meta.id}/model'
    mkdir -p 'for_report/${meta.id}'
    touch 'pooled/${meta.id}/model/'{config.json,model.safetensors,seformer.json,README.md} 'pooled/${meta.id}/'{metrics,test_predictions}.tsv
    echo '{}' > 'pooled/${meta.id}/curves.json'
    cp evaluated/1/metrics.json 'pooled/${meta.id}/metrics.json'
    """
}
