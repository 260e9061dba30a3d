// The sample sheet: CSV (commas or semicolons) or TSV with one row per cell line, see assets/schema_input.json.
import groovy.json.JsonSlurper
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.nio.charset.StandardCharsets
import java.nio.file.Files
import java.nio.file.Path
import nextflow.Nextflow

class SampleSheet {

    static final List<String> RESERVED = ['integrative', 'multiqc', 'pipeline_info', 'model', 'pretraining']
    static final String FOLD = /fold_\d+/

    // Rows as maps: id, row, super_enhancers, typical_enhancers, regions, peaks, signal, control,
    // constituents, clusters, splits (files as lists of none or one, as processes take them; a BAM
    // has its index with it). Where typical enhancers are
    // drawn from the genome, none need be given
    static List<Map> read(Path sheet, Path schemaPath, Path launchDir, boolean drawn) {
        def columns = new JsonSlurper().parse(schemaPath.toFile()).items.properties as Map<String, Map>
        def lines = numberedLines(sheet)
        if (!lines) {
            throw Stop.at("${sheet}", 'the sample sheet is empty', "begin it with the header ${columns.keySet().take(3).join(',')}")
        }
        def mark = delimiter(lines)
        def header = cells(lines[0][1], mark, sheet, lines[0][0])
        // what a spreadsheet leaves at the end
        header = header.take(1 + header.findLastIndexOf { name -> name })
        checkHeader(header, columns, drawn, "${sheet}, line ${lines[0][0]}")
        if (lines.size() == 1) {
            throw Stop.at("${sheet}", 'the sample sheet has a header but no sample', 'add a row per cell line')
        }
        def seen = [:]
        def samples = lines.drop(1).withIndex(1).collect { numbered, row ->
            def where = "${sheet}, line ${numbered[0]}".toString()
            def values = cells(numbered[1], mark, sheet, numbered[0])
            values = values.take(header.size()) + values.drop(header.size()).findAll()
            if (values.size() != header.size()) {
                throw Stop.at(where, "the row has ${values.size()} columns, the header ${header.size()}", 'give every row as many columns as the header; put quotes round a value with a comma')
            }
            return sample([header, values].transpose().collectEntries(), columns, row, where, seen, sheet, launchDir, drawn)
        }
        ['clusters', 'splits', 'constituents'].each { column ->
            // peaks are constituents themselves
            def asked = samples.findAll { it -> !(column == 'constituents' && it.peaks) }
            if (asked.any { it -> it[column] } && !asked.every { it -> it[column] }) {
                def without = asked.find { it -> !it[column] }
                throw Stop.at("${sheet}", "sample '${without.id}' has no file in the column '${column}', others have", 'give it for all samples or for none')
            }
        }
        return samples
    }

    private static void checkHeader(List<String> header, Map columns, boolean drawn, String where) {
        if (header.any { name -> !name }) {
            throw Stop.at(where, "column ${header.indexOf('') + 1} has no name", 'give it one, or leave it out')
        }
        def needed = drawn ? ['super_enhancers'] : ['super_enhancers', 'typical_enhancers']
        def repeated = header.find { name -> header.count(name) > 1 }
        if (repeated != null) {
            throw Stop.at(where, "the column '${repeated}' stands there twice", 'leave one of them')
        }
        header.findAll { name -> !columns.containsKey(name) }.each { name ->
            def near = Schema.nearest(name, columns.keySet() - header)
            if (near) {
                throw Stop.at(where, "there is no column '${name}'", "call it '${near}' if that is meant, or leave it out")
            }
            Terminal.warn("${where}: the column '${name}' is not used.")
        }
        if (!header.contains('sample')) {
            throw Stop.at(where, "the column 'sample' is missing", 'give every cell line a name in it')
        }
        def enough = [['regions'], ['peaks', 'signal'], needed].any { names -> header.containsAll(names) }
        if (!enough && header.any { name -> name in ['peaks', 'signal'] }) {
            def missing = ['peaks', 'signal'].find { name -> !header.contains(name) }
            throw Stop.at(where, "the column '${missing}' is missing", 'give peaks and signal: super-enhancers are called from both')
        }
        if (!enough) {
            def missing = needed.findAll { name -> !header.contains(name) }
            throw Stop.at(where, "the column${missing.size() > 1 ? 's' : ''} ${missing.collect { name -> "'${name}'" }.join(' and ')} ${missing.size() > 1 ? 'are' : 'is'} missing", "give super_enhancers and typical_enhancers, or one labelled file in 'regions', or peaks and signal")
        }
    }

    private static Map sample(Map<String, String> values, Map columns, int row, String where, Map seen, Path sheet, Path launchDir, boolean drawn) {
        def id = values.sample
        if (!(id ==~ columns.sample.pattern)) {
            throw Stop.at(where, id ? "'${id}' cannot name a sample" : 'the sample has no name', columns.sample.errorMessage)
        }
        if (id in RESERVED || id ==~ FOLD) {
            throw Stop.at(where, "the name '${id}' is taken by a folder of the results", 'choose another')
        }
        if (seen.containsKey(id.toLowerCase())) {
            throw Stop.at(where, "the sample '${id}' stands already in line ${seen[id.toLowerCase()]}", 'give every row a name of its own; put the regions of one cell line into one file')
        }
        seen[id.toLowerCase()] = where.tokenize(' ').last()
        def pair = ['super_enhancers', 'typical_enhancers'].findAll { name -> values[name] }
        if (values.regions && pair) {
            throw Stop.at(where, "sample '${id}' has 'regions' and '${pair[0]}'", 'give either the one labelled file or the two BED files')
        }
        if (['peaks', 'signal', 'control'].any { name -> values[name] }) {
            checkCall(values, where, id)
        }
        else if (!values.regions && pair.size() < 2 && !(drawn && values.super_enhancers)) {
            def missing = ['super_enhancers', 'typical_enhancers'].find { name -> !values[name] }
            throw Stop.at(where, "sample '${id}' has no file in '${missing}'", "give super_enhancers and typical_enhancers, or one labelled file in 'regions', or peaks and signal")
        }
        def result = [id: id, row: row]
        columns.keySet().findAll { name -> name != 'sample' }.each { name ->
            result[name] = values[name] ? [Inputs.file(values[name], "${where}, column ${name}", [sheet.parent, launchDir])] : []
        }
        ['signal', 'control'].each { name ->
            result[name] = result[name].collectMany { path -> indexed(path, values[name], "${where}, column ${name}") }
        }
        return result
    }

    // Peaks and signal stand together, and alone
    private static void checkCall(Map<String, String> values, String where, String id) {
        def missing = ['peaks', 'signal'].find { name -> !values[name] }
        if (missing) {
            throw Stop.at(where, "sample '${id}' has no file in '${missing}'", 'give peaks and signal: super-enhancers are called from both')
        }
        def other = ['regions', 'super_enhancers', 'typical_enhancers', 'constituents'].find { name -> values[name] }
        if (other) {
            throw Stop.at(where, "sample '${id}' has 'peaks' and '${other}'", 'give either peaks and signal, whose classes are called, or regions with their classes')
        }
    }

    // A signal, and of a BAM its index
    private static List<Path> indexed(Path path, String place, String where) {
        def name = path.fileName.toString()
        if (!(name ==~ /(?i).*\.bam/)) {
            return [path]
        }
        if (Inputs.isRemote(place)) {
            return [path, Nextflow.file("${place}.bai") as Path]
        }
        def names = ["${name}.bai", "${name}.csi", name.replaceFirst(/(?i)\.bam$/, '.bai')]
        def index = names.collect { it -> path.resolveSibling(it) }.find { it -> Files.isRegularFile(it) }
        if (!index) {
            throw Stop.at(where, "the BAM '${path}' has no index", "make it: samtools index ${name}; a BAM that is not sorted first: samtools sort -o sorted.bam ${name}")
        }
        return [path, index]
    }

    private static List<List> numberedLines(Path sheet) {
        def text
        try {
            text = decoded(sheet)
        }
        catch (IOException error) {
            throw Stop.at("${sheet}", "the sample sheet cannot be read (${error.message})")
        }
        if (text.contains('\u0000')) {
            throw Stop.at("${sheet}", 'the sample sheet is not text', 'save it as CSV, not as a spreadsheet')
        }
        // a row of marks alone is an empty one
        return text.replaceFirst('^\uFEFF', '').split(/\r\n|\n|\r/).toList().withIndex(1)
            .collect { line, number -> [number, line] }
            .findAll { it -> !(it[1] ==~ /[\s,;"]*/) && !it[1].startsWith('#') }
    }

    // What spreadsheets write: UTF-8, with "Unicode text" UTF-16, and with "CSV" Windows' Latin-1
    private static String decoded(Path sheet) {
        def bytes = sheet.bytes
        def utf16 = ['UTF-16LE': [[0xFF, 0xFE], 1], 'UTF-16BE': [[0xFE, 0xFF], 0]].find { _name, signs ->
            bytes.length > 1 && (bytes[0..1].collect { it -> it & 0xFF } == signs[0] || bytes[signs[1]] == 0)
        }
        if (utf16) {
            return new String(bytes, utf16.key)
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString()
        }
        catch (CharacterCodingException _error) {
            Terminal.warn("${sheet}: the sample sheet is not UTF-8; it is read as Latin-1 (windows-1252).")
            return new String(bytes, 'windows-1252')
        }
    }

    // Excel's own line says it, else it is the mark that parts the header most often
    private static String delimiter(List<List> lines) {
        def said = lines[0][1] =~ /(?i)^"?sep=(.)"?[,;\s]*$/
        if (said && lines.size() > 1) {
            lines.remove(0)
            return said[0][1]
        }
        return [',', ';', '\t'].max { mark -> lines[0][1].count(mark) }
    }

    // Fields of one line, RFC 4180: quotes round a field, doubled quotes inside
    private static List<String> cells(String line, String mark, Path sheet, int number) {
        def result = []
        def field = new StringBuilder()
        def quoted = false
        line.eachWithIndex { character, i ->
            if (character == '"') {
                if (quoted && i + 1 < line.length() && line[i + 1] == '"') {
                    field << '"'
                }
                quoted = !quoted
            }
            else if (character == mark && !quoted) {
                result << field.toString().trim()
                field = new StringBuilder()
            }
            else {
                field << character
            }
        }
        if (quoted) {
            throw Stop.at("${sheet}, line ${number}", 'a quote is not closed', 'put quotes on both sides of a value')
        }
        return result << field.toString().trim()
    }
}
