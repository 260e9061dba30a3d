// The report: one self-contained page
process MULTIQC {
    label 'process_single'

    input:
    path report, stageAs: 'report'
    path own   , stageAs: 'own_config.yml'

    output:
    path 'multiqc_report.html', emit: report
    path 'multiqc_data'       , emit: data
    tuple val("${task.process}"), eval('seformer-version multiqc'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    def later = own ? '--config own_config.yml' : ''
    """
    multiqc --force --config report/multiqc_config.yml ${later} --outdir . --filename multiqc_report.html ${args} report
    """

    stub:
    """
    touch multiqc_report.html
    mkdir multiqc_data
    """
}
