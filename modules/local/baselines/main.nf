// The baselines fitted on the training part: they need no model, and stand ready when it is trained
process BASELINES {
    tag "${meta.fold ? "${meta.id}, fold_${meta.fold}" : meta.id}"
    label 'process_single'

    input:
    tuple val(meta), path(extracted, stageAs: 'extracted/?'), path(splits, stageAs: 'splits/?')
    tuple val(track_names), path(tracks, stageAs: 'tracks/?')
    val twin

    output:
    tuple val(meta), path("baselines/${meta.id}", type: 'dir'), emit: scores
    tuple val("${task.process}"), eval('seformer-version seformer torch scikit-learn'), topic: versions, emit: versions

    script:
    def args   = task.ext.args ?: ''
    def inputs = (1..meta.members).collect { i -> "--extracted extracted/${i} --splits splits/${i}/splits.tsv" }
    // under numbers, whatever the files are called
    def pairs  = track_names.withIndex().collect { name, i -> "${name}=tracks/${i + 1}" }
    def beside = (twin ? ['--twin'] : []) + (tracks ? ["--baseline-tracks '${pairs.join(',')}'"] : [])
    """
    export OMP_NUM_THREADS=${task.cpus}
    seformer-baselines \\
        ${inputs.join(' ')} \\
        ${beside.join(' ')} \\
        --out 'baselines/${meta.id}' \\
        ${args}
    """

    stub:
    """
    mkdir -p 'baselines/${meta.id}'
    touch 'baselines/${meta.id}/baselines.tsv'
    """
}
