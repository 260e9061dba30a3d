// Parameters by nextflow_schema.json: checks, help text and defaults. No plugin is needed, so it
// works where there is no network.
import com.beust.jcommander.Parameter
import groovy.json.JsonSlurper
import nextflow.cli.CliOptions
import nextflow.cli.CmdRun

class Schema {

    // the words of a bound, and how a value may compare to it
    static final Map<String, Map> BOUNDS = [
        minimum         : [words: 'at least', signs: [0, 1]],
        maximum         : [words: 'at most', signs: [-1, 0]],
        exclusiveMinimum: [words: 'more than', signs: [1]],
        exclusiveMaximum: [words: 'less than', signs: [-1]]
    ]

    final List<Map> groups = []       // [title, description, parameters: [name: definition]]
    final Map<String, Map> all = [:]  // name: definition

    Schema(path) {
        def root = new JsonSlurper().parse(new File(path.toString())) as Map
        (root.allOf as List<Map>).each { part ->
            def group = root['$defs'][part['$ref'].tokenize('/').last()] as Map
            groups << [title: group.title, description: group.description, parameters: group.properties]
            all.putAll(group.properties as Map<String, Map>)
        }
    }

    // Every parameter as its type says: launchers write numbers and booleans as text too. What has
    // no such form stays as it is, and is among the problems
    Map<String, Object> typed(Map given) {
        return all.collectEntries { name, definition ->
            def value = given.containsKey(name) ? given.get(name) : null
            def converted = [definition.type].flatten().findResult { kind -> ofType(kind, value) }
            [name, converted != null ? converted : value?.toString() ? value : null]
        }
    }

    // Every problem that the given parameters have, as messages
    List<String> problems(Map given) {
        def seen = [] as Set
        return given.collectMany { key, value ->
            def name = key.toString()
            def definition = all[name]
            if (definition == null) {
                return seen.add(snake(name)) ? [unknown(name)] : []
            }
            def problem = fault(definition, value)
            return problem ? ["--${name} ${shown(value)}: ${problem}".toString()] : []
        }
    }

    // The parameters that differ from their defaults, group by group
    Map<String, Map> changed(Map given) {
        def result = [:]
        groups.each { group ->
            def here = group.parameters.findAll { name, definition ->
                !definition.hidden && !(name in ['max_cpus', 'max_memory', 'help', 'version']) && given[name] != null && given[name].toString() != definition['default']?.toString() && given[name] != false
            }
            if (here) {
                result[group.title] = here.collectEntries { name, _definition -> [name, given[name]] }
            }
        }
        return result
    }

    String help(boolean everything) {
        def width = all.findAll { _name, definition -> everything || !definition.hidden }.keySet()*.length().max() + 2
        def lines = []
        groups.each { group ->
            def here = group.parameters.findAll { _name, definition -> everything || !definition.hidden }
            if (here) {
                lines << '' << group.title
                here.each { name, definition ->
                    def notes = []
                    if (definition['enum']) {
                        notes << "one of ${definition['enum'].join(', ')}"
                    }
                    if (definition['default'] != null && definition['default'] != false) {
                        notes << "default ${definition['default']}"
                    }
                    def text = definition.description + (notes ? " [${notes.join('; ')}]" : '')
                    wrap(text, 100 - width - 4).eachWithIndex { line, i ->
                        lines << '  ' + (i == 0 ? "--${name}" : '').padRight(width + 2) + line
                    }
                }
            }
        }
        return lines.join('\n')
    }

    String helpOf(String name) {
        def definition = all[name]
        if (definition == null) {
            return unknown(name)
        }
        def lines = ["--${name}".toString(), '']
        lines.addAll(wrap([definition.description, definition.help_text].findAll().join(' '), 96))
        ['type', 'enum', 'minimum', 'maximum', 'pattern', 'default'].each { key ->
            if (definition[key] != null) {
                lines << "  ${key}: ${definition[key] instanceof List ? definition[key].join(', ') : definition[key]}".toString()
            }
        }
        return lines.join('\n')
    }

    // The nearest of the known names, if it is near enough to be a slip of the finger
    static String nearest(String name, Collection<String> known) {
        def wanted = snake(name)
        def best = known.min { it -> distance(wanted, it) }
        return best && distance(wanted, best) <= Math.max(2, wanted.length().intdiv(3)) ? best : null
    }

    private String unknown(String name) {
        def ours = nextflowOptions().find { option -> snake(option) == snake(name) }
        if (ours) {
            return "--${name}: there is no such parameter. Nextflow's own options are written with one dash: -${ours}."
        }
        def near = nearest(name, all.keySet())
        return "--${name}: there is no such parameter." + (near ? " Did you mean --${near}?" : ' See --help for all of them.')
    }

    private static List<String> nextflowOptions() {
        return [CmdRun, CliOptions].collectMany { kind -> kind.declaredFields.toList() + kind.declaredMethods.toList() }
            .collectMany { member -> member.getAnnotation(Parameter)?.names()?.toList() ?: [] }
            .collect { option -> option.replaceFirst(/^-+/, '') }
    }

    private static String fault(Map definition, value) {
        def kinds = [definition.type].flatten()
        def article = [integer: 'a whole number', number: 'a number', 'boolean': 'true or false', string: 'a text']
        def expected = "expected ${kinds.collect { kind -> article[kind] }.join(' or ')}".toString()
        // the configuration sees it as it was given: nothing in place of a default stays nothing
        if (value == null || value.toString() in ['', 'null']) {
            def free = value?.toString() != 'null' && definition['default'] in [null, false]
            return free ? null : "${expected}; leave it out${definition['default'] == null ? '' : " for ${definition['default']}"}."
        }
        if (value instanceof Boolean && !('boolean' in kinds)) {
            return 'a value is missing after it.'
        }
        if (value instanceof Collection || value instanceof Map) {
            return "${expected}; write several values as one text, with commas between."
        }
        if (kinds.every { kind -> ofType(kind, value) == null }) {
            return "${expected}."
        }
        if (definition['enum'] && !(value.toString() in definition['enum']*.toString())) {
            def near = nearest(value.toString(), definition['enum']*.toString())
            return "expected one of ${definition['enum'].join(', ')}." + (near ? " Did you mean ${near}?" : '')
        }
        if (kinds.any { kind -> kind in ['integer', 'number'] }) {
            def number = value.toString() as BigDecimal
            def missed = BOUNDS.find { key, bound -> definition[key] != null && !((number <=> (definition[key] as BigDecimal)) in bound.signs) }
            if (missed) {
                return "expected ${missed.value.words} ${definition[missed.key]}."
            }
        }
        if (definition.pattern && !(value.toString() ==~ definition.pattern)) {
            return definition.errorMessage ?: "it does not have the form ${definition.pattern}."
        }
        return null
    }

    // The value as this type, or null where it has no such form
    private static Object ofType(String kind, value) {
        def text = value?.toString()
        if (!text || value instanceof Collection || value instanceof Map || value instanceof Boolean && kind != 'boolean') {
            return null
        }
        switch (kind) {
            case 'boolean': return text.toLowerCase() in ['true', 'false'] ? text.toBoolean() : null
            case 'integer': return text ==~ /[+-]?[0-9]{1,15}/ ? (text.isInteger() ? text as int : text as long) : null
            // a text such as 1e999 is a number, but none that a computer reckons with
            case 'number' : return text ==~ /[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?/ && Double.isFinite(text as double) ? text as BigDecimal : null
            default       : return text
        }
    }

    private static String snake(String name) {
        return name.replace('-', '_').replaceAll(/([a-z0-9])([A-Z])/, '$1_$2').toLowerCase()
    }

    private static String shown(value) {
        return value instanceof Boolean ? '' : "'${value}'"
    }

    // Levenshtein's edit distance
    private static int distance(String a, String b) {
        def row = (0..b.length()).toList()
        a.eachWithIndex { x, i ->
            def previous = row
            row = [i + 1]
            b.eachWithIndex { y, j ->
                row << [row[j] + 1, previous[j + 1] + 1, previous[j] + (x == y ? 0 : 1)].min()
            }
        }
        return row.last()
    }

    private static List<String> wrap(String text, int width) {
        def lines = ['']
        text.tokenize(' ').each { word ->
            if (lines.last() && lines.last().length() + word.length() >= width) {
                lines << ''
            }
            lines[-1] = lines.last() ? "${lines.last()} ${word}".toString() : word
        }
        return lines
    }
}
