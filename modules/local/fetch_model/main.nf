// A backbone of the registry or of the hub, fetched once for all samples
process FETCH_MODEL {
    tag "${name}"
    label 'process_single'

    input:
    val name

    output:
    path 'backbone', emit: model
    tuple val("${task.process}"), eval('seformer-version seformer huggingface-hub'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    """
    seformer-models fetch '${name}' --to backbone ${args}
    """

    stub:
    """
    mkdir backbone
    touch backbone/config.json backbone/model.safetensors
    """
}
