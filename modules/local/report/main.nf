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
    path published , stageAs: 'published.json'
    path chromosome_sizes, stageAs: 'genome.fai'

    output:
    path 'report', type: 'dir', emit: report
    path 'hub', type: 'dir'        , optional: true, emit: hub
    path 'igv_session.xml'         , optional: true, emit: session
    tuple val("${task.process}"), eval('seformer-version seformer'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    """
    seformer-report \\
        --out report \\
        --parameters parameters.json \\
        --versions versions.yml \\
        --run run.json \\
        --published published.json \\
        --chrom-sizes genome.fai \\
        ${args} \\
        results/*
    # published beside the results, not in the page's folder
    for made in hub igv_session.xml; do
        [ ! -e "report/\$made" ] || mv "report/\$made" .
    done
    """

    stub:
    """
    mkdir report
    touch report/multiqc_config.yml
    """
}
