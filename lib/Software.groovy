// Whether the tasks will find what they need: an engine and its images, an environment, a GPU. It is
// looked for once, before the first task, and what is missing is one message with the line to type.
import java.nio.file.Files
import java.nio.file.Path

class Software {

    // in the order in which they are recommended
    static final Map<String, String> PROGRAMS = [docker: 'docker', singularity: 'singularity', apptainer: 'apptainer', podman: 'podman', charliecloud: 'ch-run', conda: 'conda']
    static final List<String> DAEMONS = ['docker', 'podman']
    static final List<String> OF_FILES = ['singularity', 'apptainer']
    // the parameter of an image, and what it is built from in containers/
    static final Map<String, List<String>> IMAGES = [container: ['Dockerfile', 'seformer.def'], multiqc_container: ['multiqc.Dockerfile', 'multiqc.def'], modisco_container: ['modisco.Dockerfile', 'modisco.def']]
    // the rest comes with these
    static final List<String> PACKAGES = ['typer', 'pandas', 'pysam', 'torch', 'transformers']
    // clouds run nothing without an image, which their machines fetch
    static final List<String> HERE = [null, 'local', 'slurm']
    static final List<String> CLOUDS = ['awsbatch', 'google-batch', 'azurebatch']

    private final Map config
    private final workflow
    private final Map params
    private final String path

    // `config` is Nextflow's, `path` where programs are looked for
    Software(workflow, Map params, Map config, String path = System.getenv('PATH')) {
        this.workflow = workflow
        this.params = params
        this.config = config
        this.path = path
    }

    // Ends the run with a message where something is missing
    void require() {
        def executor = process().executor
        if (workflow.containerEngine) {
            requireImages(workflow.containerEngine.toString(), executor)
        }
        else if (config.conda?.enabled) {
            if (executor in [null, 'local'] && !config.conda.useMamba && !config.conda.useMicromamba && !onPath('conda')) {
                throw Stop.at('-profile conda', "there is no program 'conda' on the PATH", "install it, or ${others('conda')}")
            }
        }
        else if (executor in HERE && !config.spack?.enabled && !process().module && !process().beforeScript) {
            requirePackages()
        }
        // a stub computes nothing
        if (profiles().contains('gpu') && executor in [null, 'local'] && !workflow.stubRun && params.device != 'cpu' && !hasGpu()) {
            throw Stop.at('-profile gpu', 'no GPU is found on this machine (nvidia-smi lists none)', 'leave gpu out, and everything runs on the processor; or see why the driver does not show the GPU: nvidia-smi')
        }
    }

    // What has to be said of a run that goes on, or null. Before Nextflow 26.04 the strict parser leaves a
    // process's options out of what its tasks are known by (nextflow-io/nextflow, issue 6695)
    static String unseen(workflow, String parser) {
        if (!workflow.resume || parser != 'v2' || workflow.nextflow.version.matches('>=26.04')) {
            return null
        }
        return "-resume: with NXF_SYNTAX_PARSER=v2 this Nextflow (${workflow.nextflow.version}) does not see a changed option, and takes what was made with the old one. With the same options as before all is well; with others leave -resume out, or unset NXF_SYNTAX_PARSER"
    }

    // Whether the tasks run on this machine, where one takes the processors of another
    static boolean oneMachine(Map config) {
        return (config?.process as Map)?.executor in [null, 'local']
    }

    // The profile that works here as things are, or the first that would with an image; null where
    // there is neither an engine nor an environment
    String atHand() {
        def engines = PROGRAMS.findAll { _profile, program -> onPath(program) }*.key
        def ready = engines.find { engine -> engine in DAEMONS && imageFault(engine, params.container.toString()) == null }
        return ready ?: (hasVenv() ? 'venv' : engines[0])
    }

    private void requireImages(String engine, executor) {
        def images = IMAGES.findAll { name, _made -> name != 'modisco_container' || params.modisco }
        // a site's own image is the site's business
        if (process().container && process().container.toString() != params.container.toString()) {
            images = images.findAll { name, _made -> name != 'container' }
        }
        if (executor in [null, 'local'] && !onPath(PROGRAMS[engine] ?: engine)) {
            throw Stop.at("-profile ${engine}", "there is no program '${PROGRAMS[engine] ?: engine}' on the PATH", "install it, or ${others(engine)}")
        }
        images.each { name, made ->
            def image = params[name].toString()
            def registry = image.contains('/') || config[engine]?.registry
            if (executor in CLOUDS) {
                if (!registry) {
                    throw Stop.at("--${name}", "the machines of the cloud cannot fetch the image '${image}', which is in no registry", "push it to a registry that they can reach, and give its name there to --${name}")
                }
            }
            else if (engine in DAEMONS) {
                def fault = executor in [null, 'local'] ? imageFault(engine, image) : null
                if (fault && !(registry && fault == 'missing')) {
                    throw fault == 'missing'
                        ? Stop.at("-profile ${engine}", "the image '${image}' is not on this machine", "build it once, in the folder ${workflow.projectDir}: ${engine} build -f containers/${made[0]} -t ${image} .; or ${others(engine)}")
                        : Stop.at("-profile ${engine}", "${engine} does not answer (${fault})", "start its service and see that you may use it (${engine} info); or ${others(engine)}")
                }
            }
            else if (engine in OF_FILES) {
                def isFile = image ==~ /.*\.(sif|simg|img)/ || image.startsWith('/')
                if (!image.contains('://') && !Files.exists(Path.of(image)) && (isFile || !registry)) {
                    def file = isFile ? image : "${image.replace(':', '-')}.sif"
                    throw Stop.at("--${name}", "there is no image '${image}', neither as a file nor in a registry", "build it once, in the folder ${workflow.projectDir}: ${engine} build ${file} containers/${made[1]}; then give --${name} ${file}; or ${others(engine)}")
                }
            }
            else if (engine == 'charliecloud' && !Files.exists(Path.of(image)) && (image.startsWith('/') || !registry)) {
                throw Stop.at("--${name}", "there is no image '${image}', neither as a folder nor in a registry", "convert one of Docker's: ch-convert -i docker -o dir ${params[name]} FOLDER; then give --${name} FOLDER, its full path")
            }
        }
    }

    private void requirePackages() {
        def lacking = lacking()
        if (!lacking) {
            return
        }
        if (profiles().contains('venv')) {
            throw Stop.at('-profile venv', "the environment of seformer is not whole: there is no ${lacking.join(', ')}", "run scripts/setup.sh in the folder ${workflow.projectDir}")
        }
        throw Stop.at("-profile ${workflow.profile == 'standard' ? '' : workflow.profile}".trim(),
            "no profile says where the software is, and the Python at hand has no ${lacking.join(', ')}",
            others(null))
    }

    // What to give in place of a profile
    private String others(String engine) {
        def found = (hasVenv() ? ['venv'] : []) + PROGRAMS.findAll { profile, program -> profile != engine && onPath(program) }*.key
        return found
            ? "give -profile ${found.join(' or ')}, which ${found.size() > 1 ? 'are' : 'is'} here"
            : "${engine ? '' : "none of ${PROGRAMS*.key.join(', ')} is here: "}run scripts/setup.sh in the folder ${workflow.projectDir}, then give -profile venv"
    }

    // Null where the image is on this machine, 'missing', or the engine's first line
    private String imageFault(String engine, String image) {
        def (status, said) = run([engine, 'image', 'inspect', image])
        if (status == 0) {
            return null
        }
        def lines = said.readLines().findAll()
        return lines.any { it -> it =~ /(?i)no such|not known|unable to find|not found/ } ? 'missing' : (lines ? lines[-1] : "exit code ${status}")
    }

    // NVIDIA's by its tool, as some containers and WSL have no device files; AMD's by its device
    private boolean hasGpu() {
        return (onPath('nvidia-smi') && run(['nvidia-smi', '-L'])[1] =~ /(?m)^GPU \d/) || Files.exists(Path.of('/dev/kfd'))
    }

    // Packages that a task's Python would not find; no import, which takes seconds
    private List<String> lacking() {
        def code = "import importlib.util as u; print(*(n for n in '${PACKAGES.join(' ')}'.split() if u.find_spec(n) is None))".toString()
        def place = config.env?.PATH
        def (status, said) = run(['bash', '-c', (place ? "PATH=\"${place}\"; " : '') + 'PYTHONNOUSERSITE=1 exec python3 -c "$0"', code])
        return status == 0 ? said.tokenize() : ['python3']
    }

    private List run(List<String> words) {
        def builder = new ProcessBuilder(words*.toString()).redirectErrorStream(true)
        builder.environment().put('PATH', path)
        // Java looks for a program on its own PATH
        def program = path.tokenize(':').collect { folder -> Path.of(folder, words[0]) }.find { file -> Files.isExecutable(file) }
        builder.command()[0] = (program ?: words[0]).toString()
        def begun = builder.start()
        begun.outputStream.close()
        def said = begun.inputStream.getText('UTF-8')
        return [begun.waitFor(), said]
    }

    private boolean onPath(String program) {
        return path.tokenize(':').any { folder -> Files.isExecutable(Path.of(folder, program)) }
    }

    private boolean hasVenv() {
        return Files.exists((workflow.projectDir as Path).resolve('.venv/bin/python'))
    }

    private Map process() {
        return (config.process ?: [:]) as Map
    }

    private List<String> profiles() {
        return workflow.profile.toString().tokenize(',')
    }
}
