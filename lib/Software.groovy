// Whether the tasks will find their software: in an image, by conda, or in the Python at hand.
import java.nio.file.Files
import java.nio.file.Path
import nextflow.Global

class Software {

    static final Map<String, String> PROGRAMS = [docker: 'docker', singularity: 'singularity', apptainer: 'apptainer', podman: 'podman', charliecloud: 'ch-run', conda: 'conda']
    // the rest comes with these
    static final List<String> PACKAGES = ['typer', 'pandas', 'pysam', 'torch', 'transformers']
    // clouds run nothing without an image
    static final List<String> HERE = [null, 'local', 'slurm']

    static void require(workflow) {
        def config = Global.session.config as Map
        def process = (config.process ?: [:]) as Map
        if (workflow.containerEngine || config.conda?.enabled || config.spack?.enabled || process.module || process.beforeScript || !(process.executor in HERE)) {
            return
        }
        def lacking = lacking((config.env ?: [:]) as Map)
        if (!lacking) {
            return
        }
        def venv = workflow.projectDir.resolve('.venv/bin/python') as Path
        if (workflow.profile.tokenize(',').contains('venv')) {
            throw Stop.at('-profile venv', "the environment of seformer is not whole: there is no ${lacking.join(', ')}", 'run scripts/setup.sh where the pipeline lies')
        }
        def found = PROGRAMS.findAll { _profile, program -> onPath(program) }*.key + (Files.exists(venv) ? ['venv'] : [])
        throw Stop.at("-profile ${workflow.profile == 'standard' ? '' : workflow.profile}".trim(),
            "no profile says where the software is, and the Python at hand has no ${lacking.join(', ')}",
            found ? "give -profile ${found.join(' or ')}, which ${found.size() > 1 ? 'are' : 'is'} here" : 'none of docker, singularity, apptainer, podman, charliecloud and conda is here: run scripts/setup.sh, then give -profile venv')
    }

    // Packages that a task's Python would not find; no import, which takes seconds
    private static List<String> lacking(Map env) {
        def code = "import importlib.util as u; print(*(n for n in '${PACKAGES.join(' ')}'.split() if u.find_spec(n) is None))"
        def command = (env.PATH ? "PATH=\"${env.PATH}\"; " : '') + 'PYTHONNOUSERSITE=1 exec python3 -c "$0"'
        def run = new ProcessBuilder('bash', '-c', command, code).redirectErrorStream(true).start()
        def said = run.inputStream.text
        return run.waitFor() == 0 ? said.tokenize() : ['python3']
    }

    private static boolean onPath(String program) {
        return System.getenv('PATH').tokenize(':').any { folder -> Files.isExecutable(Path.of(folder, program)) }
    }
}
