// Every sample's model on every sample's test part, beside the mean of the locus
process TRANSFER {
    tag "${[extracted].flatten().size()} samples"
    label 'process_medium'
    label 'process_gpu'

    input:
    path models   , stageAs: 'models/?'
    path extracted, stageAs: 'extracted/?'
    path splits   , stageAs: 'splits/?'

    output:
    path 'transfer/transfer.json', emit: matrix
    tuple val("${task.process}"), eval('seformer-version seformer torch'), topic: versions, emit: versions

    script:
    def args   = task.ext.args ?: ''
    def inputs = (1..[models].flatten().size()).collect { i -> "--model models/${i}" } +
        (1..[extracted].flatten().size()).collect { i -> "--extracted extracted/${i}" } +
        (1..[splits].flatten().size()).collect { i -> "--splits splits/${i}/splits.tsv" }
    """
    export OMP_NUM_THREADS=${task.cpus}
    seformer-transfer \\
        ${inputs.join(' ')} \\
        --out transfer \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    mkdir transfer
    echo '{}' > transfer/transfer.json
    """
}
