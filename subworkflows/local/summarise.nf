// All results of the run in one page
include { REPORT  } from '../../modules/local/report/main'
include { MULTIQC } from '../../modules/local/multiqc/main'

workflow SUMMARISE {
    take:
    folders    // result folders, each named after its sample
    versions   // [process, a line of software and version each]
    parameters // text: the resolved parameters as JSON
    run        // text: what the header says of the run, as JSON
    outdir     // text: the folder of the results
    published  // text: where results will lie, as JSON
    genome     // value: [fasta, index files]
    config     // list: a MultiQC configuration of the user's, or none

    main:
    // always in one order, so that -resume sees the same report
    collected = versions
        .mix(channel.of(['Workflow', "Nextflow ${workflow.nextflow.version}"]))
        .map { process, lines -> [process.tokenize(':').last(), lines] }
        .unique()
        .toSortedList { a, b -> a[0] <=> b[0] }
        .map { rows ->
            rows.collect { process, lines ->
                def software = lines.readLines().toSorted().collect { line -> "    ${line.replaceFirst(' ', ': "')}\"\n" }
                "${process}:\n${software.join('')}"
            }.join('')
        }
        .collectFile(name: 'software_versions.yml', storeDir: outdir + '/pipeline_info')

    REPORT(
        folders.toSortedList { a, b -> "${a.parent.parent.name}/${a.name}" <=> "${b.parent.parent.name}/${b.name}" },
        channel.of(parameters).collectFile(name: 'parameters.json'),
        collected,
        channel.of(run).collectFile(name: 'run.json'),
        channel.of(published).collectFile(name: 'published.json'),
        genome.map { files -> files.find { file -> file.name.endsWith('.fai') } }
    )
    MULTIQC(REPORT.out.report, config)

    report = MULTIQC.out.report

    emit:
    report
}
