// Files that a person names: found, readable, and safe to hand to a shell.
import groovy.json.JsonSlurper
import java.nio.file.Files
import java.nio.file.Path
import nextflow.Nextflow

class Inputs {

    // Nextflow links input files with their own names and does not quote these
    static final String UNSAFE = /.*[$;*?#\[\]{}~`\\\r\n\t].*/

    static boolean isRemote(String place) {
        return place ==~ /(?s)[A-Za-z][A-Za-z0-9+.-]*:\/\/.*/
    }

    // One existing file. `folders` are where a relative path is looked for, in this order
    static Path file(String place, String where, List<Path> folders) {
        if (isRemote(place)) {
            return remote(place, where)
        }
        def tried = place.startsWith('/') ? [Path.of(place).normalize()] : folders.collect { folder -> folder.resolve(place).normalize() }
        def found = tried.find { path -> Files.exists(path) }
        if (found == null) {
            def places = tried.collect { path -> "'${path}'" }.unique().join(' and ')
            throw Stop.at(where, "there is no file ${places}", 'check the path and its spelling')
        }
        if (Files.isDirectory(found)) {
            throw Stop.at(where, "'${found}' is a folder", 'name a file')
        }
        if (!Files.isReadable(found)) {
            throw Stop.at(where, "the file '${found}' cannot be read", 'check its permissions')
        }
        return safe(found, where)
    }

    static Path folder(String place, String where, Path launchDir) {
        if (isRemote(place)) {
            return remote(place, where)
        }
        def path = launchDir.resolve(place).normalize()
        if (!Files.isDirectory(path)) {
            throw Stop.at(where, "there is no folder '${path}'", 'check the path and its spelling')
        }
        return safe(path, where)
    }

    // A path, a glob or a comma list: every file, each with a name of its own
    static List<Map> beds(String places, String where, Path launchDir) {
        def whole = !isRemote(places) && Files.isRegularFile(launchDir.resolve(places))
        def parts = whole ? [places] : places.split(',')*.trim().findAll()
        def found = parts.collectMany { part -> isGlob(part) ? matches(part, where, launchDir) : [file(part, where, [launchDir])] }
        if (!found) {
            throw Stop.at(where, 'no file is named', 'give a path, a glob in quotes, or a comma list')
        }
        def ids = [] as Set
        return found.unique().groupBy { path -> bedName(path) }.collect { name, paths ->
            if (paths.size() > 1) {
                throw Stop.at(where, "'${paths[0]}' and '${paths[1]}' would both have results named '${name}'", 'rename one of the files')
            }
            def id = name.replaceAll(/[^A-Za-z0-9_.-]/, '_').replaceFirst(/^\./, '_')
            while (!ids.add(id.toLowerCase())) {
                id += '_'
            }
            return [id: id, name: name, file: paths[0]]
        }
    }

    // name=file, with commas between several: names and files in their order
    static Map tracks(String given, String where, Path launchDir) {
        def pairs = given.split(',')*.trim().findAll()
        def names = pairs.collect { pair -> pair.takeBefore('=') }
        def twice = names.find { name -> names.count(name) > 1 }
        if (twice) {
            throw Stop.at(where, "two tracks are named ${twice}", 'give each a name of its own')
        }
        return [names: names, files: pairs.collect { pair -> file(pair.substring(pair.indexOf('=') + 1), where, [launchDir]) }]
    }

    // Files among several that had nothing to read: said, and an error if no other is left
    static List<Path> passedOver(List<Path> files, int all, String where) {
        def said = files.collect { file -> new JsonSlurper().parseText(file.getText('UTF-8')) }
        if (files && files.size() == all) {
            throw new Stop("${where}: no file has a region on the genome. ${said[0].reason}")
        }
        said.each { it -> Terminal.warn("${where}: ${it.file} is passed over. ${it.reason}") }
        return files
    }

    private static boolean isGlob(String place) {
        return !isRemote(place) && place ==~ /.*[*?\[{].*/
    }

    private static List<Path> matches(String glob, String where, Path launchDir) {
        def pattern = glob.startsWith('/') ? glob : "${launchDir}/${glob}"
        def found = Nextflow.files(pattern).collect { path -> path as Path }.findAll { path -> Files.isRegularFile(path) }.sort()
        if (!found) {
            throw Stop.at(where, "no file matches '${glob}'", 'check the pattern; relative ones begin where the pipeline was started')
        }
        return found.collect { path -> safe(path, where) }
    }

    private static String bedName(Path path) {
        return path.fileName.toString().replaceFirst(/(?i)\.(gz|bgz)$/, '').replaceFirst(/(?<=.)\.[^.]+$/, '')
    }

    // Nextflow brings it under its own name into a folder of its choice
    private static Path remote(String place, String where) {
        def found = Nextflow.file(place)
        if (!(found instanceof Path)) {
            throw Stop.at(where, "'${place}' names several files", 'name one')
        }
        safe(found.fileName ?: found, where)
        return found
    }

    private static Path safe(Path path, String where) {
        if (path.toString() ==~ /(?s)${UNSAFE}/) {
            throw Stop.at(where, "the path '${path}' holds a character that Nextflow cannot pass on safely", 'leave out $ ; * ? # [ ] { } ~ ` and backslash, for instance with a link to the file')
        }
        return path
    }
}
