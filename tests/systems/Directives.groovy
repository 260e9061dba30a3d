// What each process asks for under some profiles, as Nextflow itself works it out.
//
//   java -cp '.venv/share/nextflow/*' groovy.ui.GroovyMain Directives.groovy ROOT < request > answer
//
// The request is JSON: `processes` (name, simple, full, labels) and `cases` (profile, attempt, exit,
// params: as on the command line, file: of parameters, site: a configuration given by -c, inputs: what
// a process's inputs are). The answer is a list of cases: `processes` with their directives, and the `config` outside them.
import ch.qos.logback.classic.Level
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import java.nio.file.Files
import java.nio.file.Path
import nextflow.Global
import nextflow.ISession
import nextflow.cli.CmdRun
import nextflow.config.ConfigBuilder
import nextflow.script.ProcessConfig
import org.slf4j.LoggerFactory

LoggerFactory.getLogger('ROOT').level = Level.WARN
root    = Path.of(args[0])
request = new JsonSlurper().parse(System.in)
empty   = Files.createTempDirectory('extracted')
Files.createFile(empty.resolve('sequences.fa.gz'))

Map directives(Map process, Map given, Map config) {
    def declared = new ProcessConfig([:])
    process.labels.each { label -> declared.label(label) }
    declared.applyConfig(config.process, process.name, process.simple, process.full)
    def task = declared.createTaskConfig()
    task.attempt = given.attempt ?: 1
    if (given.exit != null) {
        task.exitStatus = given.exit
    }
    def engine = ['docker', 'podman', 'singularity', 'apptainer', 'charliecloud'].find { config[it]?.enabled }
    task.context = [
        task    : task,
        params  : config.params,
        workflow: [profile: given.profile, containerEngine: engine],
        meta    : [id: 'K562', seed: 1, sample: 'K562', name: 'regions', bed: 'regions'],
        *: ([extracted: empty] + (given.inputs ?: [:])).collectEntries { name, place -> [name, Path.of(place.toString())] }
    ]
    return [
        executor        : task.executor,
        queue           : task.queue,
        accelerator     : task.accelerator ? [request: task.accelerator.request, type: task.accelerator.type] : null,
        containerOptions: task.containerOptions,
        clusterOptions  : task.clusterOptions,
        machineType     : task.machineType,
        container       : task.container?.toString(),
        cpus            : task.cpus,
        memory          : task.memory?.toBytes(),
        hours           : task.time?.toMillis() / 3600000,
        errorStrategy   : task.errorStrategy.toString(),
        maxRetries      : task.maxRetries,
        args            : task.ext.args?.toString()
    ]
}

configuration = { String profile, Map params, String file, String site ->
    def run = new CmdRun(params: params, paramsFile: file, profile: profile)
    return new ConfigBuilder().setCmdRun(run).setBaseDir(root).setCurrentDir(root).buildGivenFiles([root.resolve('nextflow.config')] + (site ? [Path.of(site)] : []))
}.memoize()

answers = request.cases.collect { given ->
    def config = configuration(given.profile, given.params ?: [:], given.file, given.site)
    Global.session = [getConfig: { -> config }] as ISession
    return [
        processes: request.processes.collectEntries { process -> [process.simple, directives(process, given, config)] },
        config   : config.subMap(['aws', 'google', 'azure', 'k8s', 'executor', 'docker', 'podman', 'singularity', 'apptainer', 'charliecloud', 'conda'])
    ]
}
println JsonOutput.toJson(answers)
