// What the person at the terminal reads: help, the banner, the closing summary.
import groovy.json.JsonSlurper
import java.nio.file.Files
import java.nio.file.Path
import nextflow.Nextflow
import org.slf4j.LoggerFactory

class Terminal {

    private static final log = LoggerFactory.getLogger(Nextflow)

    static void print(String text) {
        System.out.println(text)
    }

    static void warn(String text) {
        log.warn(text)
    }

    static void error(String text) {
        System.err.println("seformer: error: ${text}")
        log.debug("stopped: ${text}")
    }

    static String help(workflow, Schema schema, Map params) {
        if (params.help instanceof CharSequence && !(params.help.toString() in ['true', 'all'])) {
            return schema.helpOf(params.help.toString().replaceFirst(/^-+/, ''))
        }
        def profile = new Software(workflow, params, [:]).atHand() ?: 'docker'
        return """\
            seformer ${workflow.manifest.version}: super-enhancers against typical enhancers from DNA sequence

            Train:  nextflow run . -profile ${profile} --input sheet.csv --fasta genome.fa.gz --outdir results
            Use:    nextflow run . -profile ${profile} --trained_model results/SAMPLE/model --fasta genome.fa.gz \\
                        --predict 'peaks/*.bed' --explain top.bed --outdir results
            Profiles: docker, singularity, apptainer, podman, charliecloud, conda or venv; gpu; test;
                      slurm, awsbatch, googlebatch, azurebatch, k8s
            """.stripIndent() + schema.help(params.help.toString() == 'all') + '\n\nMore on one parameter: --help NAME. Also the rarely needed ones: --help all\n'
    }

    static void banner(workflow, Map plan) {
        def params = plan.params
        def c = colours(params)
        def what = plan.samples
            ? "train on ${plan.samples.collect { it -> it.id }.join(', ')} from '${params.model}'"
            : "use the trained model '${plan.trained[0].id}'"
        def called = plan.samples.findAll { it -> it.peaks }.collect { it -> it.id }
        def also = [
            called ? "call the super-enhancers of ${called.join(', ')} first" : '',
            plan.pretrain ? "pre-train it on ${plan.pretrain.regions ? plan.pretrain.regions[0].fileName : 'the genome'} first" : '',
            plan.integrative ? 'and one model for all samples' : '',
            plan.predict ? "score ${plan.predict.collect { it -> it.name }.join(', ')}" : '',
            plan.explain ? "explain ${plan.explain.collect { it -> it.name }.join(', ')}" : '',
            plan.explain_top ? "explain the ${plan.explain_top} regions with the highest scores" : '',
            plan.variants ? "score the variants of ${plan.variants.collect { it -> it.name }.join(', ')}" : '',
            plan.motifs ? "name motifs by ${plan.motifs.fileName}" : '',
            plan.dissect ? "dissect ${plan.dissect.samples ? 'the super-enhancers of the test part' : plan.dissect.beds.collect { it -> it.name }.join(', ')}" : '',
            plan.modisco ? 'find motifs anew' : ''
        ].findAll()
        def lines = ["${c.bold}seformer ${workflow.manifest.version}${c.reset}  ${([what] + also).join('; ')}".toString()]
        plan.changed.each { title, values ->
            lines << "${c.dim}${title}${c.reset}".toString()
            values.each { name, value -> lines << "  ${name.padRight(24)}${value}".toString() }
        }
        lines << "${c.dim}Run${c.reset}".toString()
        lines << "  ${'profile'.padRight(24)}${workflow.profile}".toString()
        lines << "  ${'work folder'.padRight(24)}${workflow.workDir}".toString()
        log.info(lines.join('\n') + '\n')
    }

    static void summary(workflow, Map params) {
        def c = colours(params)
        def (first, rest) = closing(workflow, params)
        log.info("\n${workflow.success ? c.bold : c.red}${first}${c.reset}${rest}\n")
    }

    // How the run has ended: what is said of it, and what follows
    static List<String> closing(workflow, Map params) {
        if (!workflow.success) {
            def said = userMessage(workflow)
            return ['seformer stopped.', ' ' + (said ?: 'See the error above, and the file .nextflow.log.') +
                '\nWhat is finished is kept: the same command with -resume goes on from there.']
        }
        def outdir = Nextflow.file(params.outdir.toString()) as Path
        def lines = [" after ${workflow.duration}".toString()]
        below(outdir).each { folder ->
            def tests = [(folder.fileName): folder] + below(folder.resolve('judged')).collectEntries { file -> ["${folder.fileName}, ${file.fileName}", file] }
            tests.findAll { _name, place -> Files.exists(place.resolve('metrics.json')) }
                .each { name, place -> lines << "  ${name.toString().padRight(20)} ${headline(place.resolve('metrics.json'))}".toString() }
        }
        lines << "  Report: ${report(params)}".toString()
        return ['seformer is done', lines.join('\n')]
    }

    static Path report(Map params) {
        return (Nextflow.file(params.outdir.toString()) as Path).resolve('multiqc/multiqc_report.html')
    }

    // What of a sample's or a BED's files lies on chromosomes that the genome does not have
    static void unmatched(String id, Path folder) {
        def file = folder.resolve('summary.json')
        if (!Files.exists(file)) {
            return
        }
        def lost = new JsonSlurper().parseText(file.getText('UTF-8')).unmatched_chromosomes
        lost?.each { name, rows -> warn("${id}: ${rows.rows} of ${rows.of} rows of ${name} lie on chromosomes that the genome does not have (${rows.chromosomes.join(', ')}); where only the names differ, give --rename_chromosomes".toString()) }
    }

    private static List<Path> below(Path folder) {
        // a stream's list is not to be changed: sorted as a copy
        return Files.isDirectory(folder) ? Files.list(folder).withCloseable { paths -> paths.toList() }.sort(false) : []
    }

    // Test AUROC with its interval, and what it is above the best baseline
    private static String headline(Path metrics) {
        try {
            def test = new JsonSlurper().parseText(metrics.getText('UTF-8')).test
            def auroc = test.model.auroc
            def delta = test.delta?.auroc
            return "test AUROC ${interval(auroc)}" + (delta ? ", ${signed(delta.value)} (${signed(delta.low)} to ${signed(delta.high)}) over the best baseline, ${delta.baseline}" : '')
        }
        catch (Exception _error) {
            return 'see metrics.json'
        }
    }

    private static String interval(Map value) {
        return "${number(value.value)} (${number(value.low)} to ${number(value.high)})"
    }

    private static String number(value) {
        return value == null ? '?' : String.format(Locale.ROOT, '%.3f', value as double)
    }

    private static String signed(value) {
        return value == null ? '?' : String.format(Locale.ROOT, '%+.3f', value as double)
    }

    // The one message that a command of seformer ended with
    private static String userMessage(workflow) {
        def line = workflow.errorReport?.readLines()?.reverse()?.find { it -> it.contains('seformer: error: ') }
        return line ? line.substring(line.indexOf('seformer: error: ') + 'seformer: error: '.length()) : null
    }

    private static Map colours(Map params) {
        def plain = params.monochrome_logs || System.getenv('NO_COLOR') || System.console() == null
        return plain ? [bold: '', dim: '', red: '', reset: ''] : [bold: '\033[1m', dim: '\033[2m', red: '\033[31m', reset: '\033[0m']
    }
}
