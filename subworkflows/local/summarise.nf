// All results of the run in one page
include { REPORT  } from '../../modules/local/report/main'
include { MULTIQC } from '../../modules/local/multiqc/main'

workflow SUMMARISE {
    take:
    folders    // result folders, each named after its sample
    versions   // [process, software, version]
    parameters // text: the resolved parameters as JSON
    outdir     // text: the folder of the results

    main:
    // always in one order, so that -resume sees the same report
    collected = versions
        .mix(channel.of(['Workflow', 'Nextflow', workflow.nextflow.version.toString()]))
        .map { process, name, version -> [process.tokenize(':').last(), name, version] }
        .unique()
        .toSortedList { a, b -> "${a[0]} ${a[1]}" <=> "${b[0]} ${b[1]}" }
        .map { rows ->
            rows.groupBy { it -> it[0] }
                .collect { process, items -> "${process}:\n" + items.collect { it -> "    ${it[1]}: \"${it[2]}\"\n" }.join('') }
                .join('')
        }
        .collectFile(name: 'software_versions.yml', storeDir: outdir + '/pipeline_info')

    REPORT(
        folders.toSortedList { a, b -> "${a.parent.parent.name}/${a.name}" <=> "${b.parent.parent.name}/${b.name}" },
        channel.of(parameters).collectFile(name: 'parameters.json'),
        collected
    )
    MULTIQC(REPORT.out.report)

    emit:
    report = MULTIQC.out.report
}
