// The report: one self-contained page
process MULTIQC {
    label 'process_single'

    input:
    path report, stageAs: 'report'

    output:
    path 'multiqc_report.html', emit: report
    path 'multiqc_data'       , emit: data
    tuple val("${task.process}"), eval('seformer-version multiqc'), topic: versions, emit: versions

    script:
    def args = task.ext.args ?: ''
    """
    multiqc --force --config report/multiqc_config.yml --outdir . --filename multiqc_report.html ${args} report
    """

    stub:
    """
    touch multiqc_report.html
    mkdir multiqc_data
    """
}
