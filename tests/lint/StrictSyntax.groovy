// The strict syntax of today's Nextflow, checked by the language's own parser (nf-lang), as
// `nextflow lint` does. Arguments: a folder of the class path, which gets the classes of lib, then
// files and folders. Exit status 1 if there are errors.
import java.nio.file.Files
import java.nio.file.Path
import nextflow.config.control.ConfigParser
import nextflow.script.control.ScriptParser
import org.codehaus.groovy.tools.FileSystemCompiler

def (classes, places) = [args.head(), args.tail()]
FileSystemCompiler.commandLineCompile(['-d', classes, *new File('lib').listFiles()*.path] as String[])
def script = new ScriptParser()
def config = new ConfigParser()
def sources = [:]
places.each { place ->
    Files.walk(Path.of(place)).withCloseable { paths -> paths.toList() }.toSorted().each { path ->
        if (path.toString().endsWith('.nf')) {
            sources[path] = script.parse(path.toFile())
        }
        else if (path.toString().endsWith('.config')) {
            sources[path] = config.parse(path.toFile())
        }
    }
}
script.analyze()
config.analyze()

// inside a closure of the configuration these names are there when a task starts
def known = ['`task` is not defined', '`meta` is not defined', '`extracted` is not defined']
def errors = 0
sources.each { path, source ->
    source.errorCollector.errors.each { message ->
        def cause = message.cause
        if (path.toString().endsWith('.config') && cause.originalMessage in known) {
            return
        }
        errors++
        println "ERROR ${path}:${cause.startLine}:${cause.startColumn} ${cause.originalMessage}"
    }
    source.errorCollector.warnings.each { warning ->
        println "WARN  ${path}:${warning.context?.startLine ?: 0} ${warning.message}"
    }
}
println "${sources.size()} files, ${errors} errors"
System.exit(errors ? 1 : 0)
