// What the pipeline makes of parameters, sample sheets and words of the command line, without a run.
//
//   java -cp '.venv/share/nextflow/*:lib' groovy.ui.GroovyMain Given.groovy ROOT < request > answer
//
// The request is a list of cases, each with `params`, `sheet` (a path), `words`, `help`, `software`
// (what a machine has), `resume` (of which `version`, with which `parser`) or `run` (parameters of a
// whole run, begun in `folder`); the answer is a list of what came of them: `values` and `problems`, the
// `rows` of a sheet, the `help`, the profile at `hand`, what is `unseen`, or `stop`, the message.
import ch.qos.logback.classic.Level
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import java.nio.file.Path
import nextflow.util.VersionNumber
import org.slf4j.LoggerFactory

LoggerFactory.getLogger('ROOT').level = Level.ERROR
root   = Path.of(args[0])
schema = new Schema(root.resolve('nextflow_schema.json'))
defaults = schema.all.collectEntries { name, definition -> [name, definition.default] }

Map answer(Map given) {
    if (given.containsKey('params')) {
        return [values: schema.typed(given.params), problems: schema.problems(given.params)]
    }
    if (given.containsKey('words')) {
        return [problems: Plan.leftOver(given.words)]
    }
    try {
        if (given.containsKey('help')) {
            def workflow = [manifest: [version: 'of today'], projectDir: root]
            return [help: Terminal.help(workflow, schema, schema.typed(given))]
        }
        if (given.containsKey('software')) {
            def of = given.software
            def workflow = [projectDir: Path.of(of.project), profile: of.profile, containerEngine: of.engine, stubRun: of.stub]
            def software = new Software(workflow, schema.typed(defaults + of.params), of.config, of.path)
            return given.hand ? [hand: software.atHand()] : [stop: software.require()]
        }
        if (given.containsKey('resume')) {
            def workflow = [resume: given.resume, nextflow: [version: new VersionNumber(given.version)]]
            return [unseen: Software.unseen(workflow, given.parser)]
        }
        if (given.containsKey('run')) {
            // what Nextflow says of a run, as far as the plan asks
            def workflow = [projectDir: root, launchDir: Path.of(given.folder), workDir: Path.of(given.folder, 'work')]
            Plan.resolve(workflow, schema.typed(defaults + given.run), schema)
            return [stop: null]
        }
        def sheet = Path.of(given.sheet)
        def rows = SampleSheet.read(sheet, root.resolve('assets/schema_input.json'), sheet.parent, false)
        return [rows: rows.collect { row -> row.collectEntries { name, value -> [name, value instanceof List ? value*.fileName*.toString().join() : value] } }]
    }
    catch (Stop stop) {
        return [stop: stop.message]
    }
}

println JsonOutput.toJson(new JsonSlurper().parse(System.in).collect { given -> answer(given) })
