// Starts Nextflow 25.04 with the strict parser for scripts and the usual one for configuration, which
// `NXF_SYNTAX_PARSER=v2` cannot ask for apart. The strict parser of configuration knows no inputs of
// processes, such as `meta` in a folder's name, before 25.04.5, which Maven Central does not have: it calls
// each an error. tests/lint/StrictSyntax.groovy checks configuration instead, but for these names.
// Called by scripts/nextflow.sh; a later Nextflow on the PATH takes the strict parser for both.
import nextflow.SysEnv
import nextflow.cli.Launcher

class Environment extends HashMap<String, String> {

    private static final String PARSER = 'NXF_SYNTAX_PARSER'

    Environment(Map<String, String> given) {
        super(given)
    }

    @Override
    String get(Object name) {
        if (name != PARSER) {
            return super.get(name)
        }
        // whoever asks: what loads scripts, or what reads and checks configuration
        def asker = StackWalker.instance.walk { frames ->
            frames.map { frame -> frame.className }.filter { caller -> caller ==~ /nextflow\.(cli|config|script)\..*/ }.findFirst()
        }
        return asker.orElse('').startsWith('nextflow.script.') ? super.get(name) : 'v1'
    }
}

SysEnv.push(new Environment(System.getenv()))
Launcher.main(args)
