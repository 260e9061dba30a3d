// A backbone of the registry or of the hub, fetched once for all samples
process FETCH_MODEL {
    tag "${name}"
    label 'process_single'

    input:
    val name

    output:
    path 'backbone', emit: model
    tuple val("${task.process}"), val('seformer'), eval('seformer-version seformer'), topic: versions, emit: versions_seformer
    tuple val("${task.process}"), val('huggingface-hub'), eval('seformer-version huggingface-hub'), topic: versions, emit: versions_huggingface_hub

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
