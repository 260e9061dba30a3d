// Everything that the run has found, as content for MultiQC
process REPORT {
    label 'process_single'
    // these inputs are written anew by every run: only their content counts
    cache 'deep'

    input:
    path folders   , stageAs: 'results/?/*'
    path parameters, stageAs: 'parameters.json'
    path versions  , stageAs: 'versions.yml'
    path run       , stageAs: 'run.json'

    output:
    path 'report', type: 'dir', emit: report
    tuple val("${task.process}"), eval('seformer-version seformer'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    """
    seformer-report \\
        --out report \\
        --parameters parameters.json \\
        --versions versions.yml \\
        --run run.json \\
        ${args} \\
        results/*
    """

    stub:
    """
    mkdir report
    touch report/multiqc_config.yml
    """
}
