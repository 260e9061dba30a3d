// What the parameters ask for, checked before anything runs.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.attribute.FileTime
import nextflow.Global
import nextflow.Nextflow

class Plan {

    static final List<String> PRESETS = ['tiny', 'small', 'bases']
    static final long MAX_JSON_BYTES = 64L << 20
    // one of these, see `seformer.model.backbones.loading`
    static final List<String> WEIGHTS = ['model.safetensors', 'model.safetensors.index.json', 'pytorch_model.bin', 'pytorch_model.bin.index.json']
    static final String MODEL_NAME = /[A-Za-z0-9][A-Za-z0-9_.-]*(\/[A-Za-z0-9][A-Za-z0-9_.-]*)?(@[A-Za-z0-9_.\/-]+)?/

    // The plan as a map. On --help and --version, and on a mistake in the parameters or in the
    // sample sheet, it prints and ends the run. `words` are what the command line has beside options
    static Map of(workflow, Map given, List<String> words) {
        def schema = new Schema("${workflow.projectDir}/nextflow_schema.json")
        def params = schema.typed(given)
        if (params.help || params.version) {
            Terminal.print(params.help ? Terminal.help(workflow, schema, params) : "seformer ${workflow.manifest.version}")
            leave(params, 0)
        }
        try {
            def problems = schema.problems(given) + leftOver(workflow.stubRun ? words - 'true' : words)
            if (problems) {
                throw new Stop(problems.join('\n'))
            }
            new Software(workflow, params, Global.session.config as Map).require()
            def unseen = Software.unseen(workflow, System.getenv('NXF_SYNTAX_PARSER'))
            if (unseen) {
                Terminal.warn(unseen)
            }
            return resolve(workflow, params, schema)
        }
        catch (Stop stop) {
            Terminal.error(stop.message)
            leave(params, 1)
        }
        return null
    }

    // The shell has made several words of a pattern, or a blank stands in a list. Nextflow itself puts
    // `true` after -stub
    private static List<String> leftOver(List<String> words) {
        if (!words) {
            return []
        }
        def shown = words.take(3).collect { word -> "'${word}'" }.join(', ') + (words.size() > 3 ? " and ${words.size() - 3} more" : '')
        return [Stop.at('the command line', "${shown} belong${words.size() > 1 ? '' : 's'} to no parameter", "put quotes round a pattern ('peaks/*.bed'), and commas without blanks between several values (chr7,chr2)").message]
    }

    private static Map resolve(workflow, Map params, Schema schema) {
        def launchDir = workflow.launchDir as Path
        requireSense(params)
        def plan = [
            params     : params,
            genome     : genome(params, workflow.projectDir as Path, launchDir),
            samples    : [],
            trained    : [],
            integrative: params.integrative,
            predict    : params.predict ? Inputs.beds(params.predict.toString(), '--predict', launchDir) : [],
            explain    : explainable(params) ? Inputs.beds(explainable(params), '--explain', launchDir) : [],
            explain_top: strongest(params),
            checks     : params.explain_faithfulness,
            variants   : params.variants ? Inputs.beds(params.variants.toString(), '--variants', launchDir) : [],
            dissect    : params.dissect ? dissection(params, launchDir) : null,
            motifs     : params.motifs ? motifs(params.motifs.toString(), workflow) : null,
            modisco    : params.modisco,
            parameters : JsonOutput.prettyPrint(JsonOutput.toJson(resolved(schema, params))),
            // a run that goes on makes the same page
            run        : JsonOutput.toJson([Command: workflow.commandLine.toString().replaceAll(/\s-resume(\s[0-9a-f]{8}-[0-9a-f-]{27})?(?=\s|$)/, '')]),
            variant_regions: params.variant_regions ? [Inputs.file(params.variant_regions.toString(), '--variant_regions', [launchDir])] : [],
            gtf        : params.gtf ? [Inputs.file(params.gtf.toString(), '--gtf', [launchDir])] : [],
            multiqc_config: params.multiqc_config ? [Inputs.file(params.multiqc_config.toString(), '--multiqc_config', [launchDir])] : [],
            changed    : schema.changed(params),
            one_machine: Software.oneMachine(Global.session?.config as Map),
            outdir     : params.outdir.toString()
        ]
        if (params.input) {
            def sheet = Inputs.file(params.input.toString(), '--input', [launchDir])
            plan.samples = SampleSheet.read(sheet, workflow.projectDir.resolve('assets/schema_input.json') as Path, launchDir, params.random_negatives as boolean)
                .collect { sample -> sample + [parts: sample.constituents] + (params.unit == 'constituent' ? [:] : [constituents: []]) }
            plan.by_constituent = params.unit == 'constituent'
            plan.folds = params.folds > 1 ? (1..params.folds).toList() : [0]
            plan.seeds = (0..<params.seeds).collect { i -> params.seed + i }
            plan.blacklist = params.blacklist ? [Inputs.file(params.blacklist.toString(), '--blacklist', [launchDir])] : []
            plan.backbone = backbone(params.model.toString(), launchDir)
            plan.pretrain = params.pretrain ? pretraining(params, launchDir) : null
            plan.twin = twin(params, plan.backbone)
            plan.tracks = Inputs.tracks((params.baseline_tracks ?: '').toString(), '--baseline_tracks', launchDir)
            plan.checkpoints = checkpoints(params, workflow)
            if (params.integrative && plan.samples.size() < 2) {
                throw Stop.at('--integrative', 'the sample sheet has one sample only', 'give two or more, or leave --integrative out')
            }
        }
        else {
            plan.trained = [trained(params.trained_model.toString(), launchDir)]
        }
        if (plan.dissect?.samples && !plan.samples.any { it -> it.parts || it.peaks }) {
            throw Stop.at('--dissect samples', 'no sample has constituents', 'give the sample sheet a column constituents, or peaks and signal; or name BED files of super-enhancers, and their parts with --constituents')
        }
        plan.published = JsonOutput.toJson(published(plan, launchDir))
        requireGenes(params, schema, plan.samples)
        publish(params, plan.parameters)
        return plan
    }

    // Where results will lie, for genome browsers: names of files by kind and id, and the genome by its
    // path from the folder of the results
    private static Map published(Map plan, Path launchDir) {
        def names = { List<Map> beds -> beds.collectEntries { bed -> [bed.id, bed.name] } }
        def top = plan.explain_top ? plan.predict.collectEntries { bed -> [Shards.top(bed.id, plan.explain_top), Shards.top(bed.name, plan.explain_top)] } : [:]
        def explained = names(plan.explain) + top
        def fasta = plan.genome.fasta as Path
        def local = fasta.toUri().scheme == 'file' && !Inputs.isRemote(plan.outdir)
        def outdir = local ? launchDir.resolve(plan.outdir).toAbsolutePath().normalize() : null
        return [
            genome: local ? outdir.relativize(fasta.toAbsolutePath().normalize()).toString() : fasta.toUri().toString(),
            names : [
                predictions : names(plan.predict),
                attributions: explained,
                motifs      : explained,
                variants    : names(plan.variants),
                constituents: names(plan.dissect ? plan.dissect.beds : [])
            ]
        ]
    }

    // Of top:20 the number; 0 where the regions to explain are named
    private static int strongest(Map params) {
        def asked = (params.explain ?: '').toString().split(',')*.trim().findAll { it -> it.startsWith('top:') }
        if (!asked) {
            return 0
        }
        def number = asked[0].substring(4)
        if (asked.size() > 1 || !(number ==~ /[1-9]\d?|100/)) {
            throw Stop.at('--explain', "'${asked.join(',')}' names no number of regions", 'give one number from 1 to 100, such as top:20')
        }
        if (!params.predict) {
            throw Stop.at('--explain', "'${asked[0]}' asks for the regions with the highest scores, but nothing is scored", 'give BED files to --predict too')
        }
        return number as int
    }

    // What else is to be explained: files
    private static String explainable(Map params) {
        return (params.explain ?: '').toString().split(',').findAll { it -> !it.trim().startsWith('top:') }.join(',')
    }

    // A file, or the collection that comes along
    private static Path motifs(String given, workflow) {
        return given == 'jaspar'
            ? (workflow.projectDir as Path).resolve('bin/seformer/motifs/jaspar2024_core_vertebrates.meme')
            : Inputs.file(given, '--motifs', [workflow.launchDir as Path])
    }

    // The first of these that holds ends the run
    private static void requireSense(Map params) {
        def outdir = params.outdir.toString()
        def faults = [
            [params.input && params.trained_model, '--input and --trained_model', 'one trains a model, the other takes one that is trained', 'give one of them'],
            [!params.input && !params.trained_model, '--input', 'nothing to do: neither a sample sheet nor a trained model is given', 'give --input SHEET to train, or --trained_model FOLDER to use a model; --help tells more'],
            [params.trained_model && !params.predict && !params.explain && !params.variants && !params.dissect, '--trained_model', 'nothing to do with the model', 'give BED files to --predict, --explain or --dissect, or a VCF to --variants'],
            [params.folds > 1 && (params.test_chromosomes || params.validation_chromosomes), '--folds', 'chromosomes to hold out are given too', 'leave one of them out: over the folds every chromosome is held out once'],
            [params.conflicts != 'keep' && !params.integrative, '--conflicts', 'there is no model of all samples, which alone meets them', 'give --integrative too'],
            [params.blacklist && !params.random_negatives, '--blacklist', 'no random regions are drawn', 'give --random_negatives too'],
            [params.grey_zone && !params.input, '--grey_zone', 'no model is trained that could leave regions out', 'give --input SHEET to train one'],
            [params.pretrain && !params.input, '--pretrain', 'no model is trained after it', 'give --input SHEET to train one'],
            [params.baseline_tracks && !params.input, '--baseline_tracks', 'no model is tested that they could stand beside', 'give --input SHEET to train one'],
            [params.motifs && !params.explain && !params.variants, '--motifs', 'there is nothing to find motifs in', 'give the BED files to --explain, or variants to --variants, too'],
            [params.variant_regions && !params.variants, '--variant_regions', 'there are no variants to score in them', 'give a VCF to --variants too'],
            [params.modisco && !params.explain, '--modisco', 'there is nothing to find motifs in', 'give the BED files to --explain too'],
            [params.constituents && !params.dissect, '--constituents', 'there is nothing to dissect', 'give the BED files of super-enhancers to --dissect too; constituents to train on belong into the sample sheet'],
            [params.constituents && ofSamples(params), '--constituents', 'the samples have their own', 'leave it out, or name BED files in place of --dissect samples'],
            [ofSamples(params) && !params.input, '--dissect samples', 'there are no samples', 'name BED files of super-enhancers, and their parts with --constituents'],
            [params.dissect && !ofSamples(params) && !params.constituents, '--dissect', 'the constituents of its regions are not given', 'give the BED that the regions were stitched from to --constituents; for the samples of the sheet: --dissect samples'],
            [!params.outdir, '--outdir', 'it is missing', 'name the folder for the results'],
            [outdir ==~ /(?s)${Inputs.UNSAFE}/, '--outdir', "'${params.outdir}' holds a character that cannot be passed on safely", 'choose a plainer name'],
            [new File(outdir).isFile(), '--outdir', "'${params.outdir}' is a file", 'name a folder, which need not be there yet'],
            [!params.fasta && !params.genome, '--fasta', 'no genome is given', 'give --fasta FILE, or --genome hg38 (hg19, mm10, mm39) to fetch one'],
            [params.fasta && params.genome, '--fasta and --genome', 'two genomes are given', 'give one of them']
        ]
        def fault = faults.find { it -> it[0] }
        if (fault) {
            throw Stop.at(fault[1], fault[2], fault[3])
        }
    }

    // Genes change what is called from peaks, and stand beside what is scored and explained
    private static void requireGenes(Map params, Schema schema, List<Map> samples) {
        def calls = samples.any { it -> it.peaks }
        if (params.gtf && !calls && !params.predict && !params.explain) {
            throw Stop.at('--gtf', 'nothing is called from peaks, scored or explained, beside which genes would stand', 'leave it out, or give peaks and signal in the sample sheet, --predict or --explain')
        }
        if (params.gene_types && !params.gtf) {
            throw Stop.at('--gene_types', 'there are no genes', 'give --gtf too')
        }
        if (params.tss_exclusion != 0 && params.tss_exclusion != schema.all.tss_exclusion['default'] && !(params.gtf && calls)) {
            throw Stop.at('--tss_exclusion', 'there are no transcription start sites, or no peaks', 'give --gtf, and peaks and signal in the sample sheet')
        }
    }

    private static boolean ofSamples(Map params) {
        return params.dissect.toString() == 'samples'
    }

    private static Map dissection(Map params, Path launchDir) {
        if (ofSamples(params)) {
            return [samples: true, beds: [], constituents: []]
        }
        return [samples: false, beds: Inputs.beds(params.dissect.toString(), '--dissect', launchDir), constituents: [Inputs.file(params.constituents.toString(), '--constituents', [launchDir])]]
    }

    private static Map genome(Map params, Path projectDir, Path launchDir) {
        if (params.genome) {
            def table = new JsonSlurper().parse(projectDir.resolve('assets/genomes.json').toFile()) as Map
            return [id: params.genome, fasta: Nextflow.file(table[params.genome]), index: [], indexed: false]
        }
        def fasta = Inputs.file(params.fasta.toString(), '--fasta', [launchDir])
        if (fasta.fileName.toString() ==~ /.*\.(fai|gzi|2bit)/) {
            throw Stop.at('--fasta', "'${fasta}' is not a FASTA", 'name the FASTA itself')
        }
        def index = Inputs.isRemote(params.fasta.toString())
            ? []
            : ['fai', 'gzi'].collect { suffix -> fasta.resolveSibling("${fasta.fileName}.${suffix}") }.findAll { path -> Files.isRegularFile(path) }
        def zipped = fasta.fileName.toString() ==~ /.*\.b?gz/
        def wanted = zipped ? 2 : 1
        def fresh = index.every { path -> Files.getLastModifiedTime(path) >= Files.getLastModifiedTime(fasta) }
        def indexed = fresh && index.size() >= wanted
        return [id: fasta.fileName.toString(), fasta: fasta, index: indexed ? index : [], indexed: indexed]
    }

    private static Map backbone(String model, Path launchDir) {
        if (model in PRESETS) {
            return [name: model, folder: [], fetch: false]
        }
        if (Inputs.isRemote(model) || Files.isDirectory(launchDir.resolve(model))) {
            return [name: 'folder', folder: [Inputs.folder(model, '--model', launchDir)], fetch: false]
        }
        if (!(model ==~ MODEL_NAME)) {
            throw Stop.at('--model', "there is no folder '${model}', and it is no name of a model", 'give a preset (tiny, small, bases), a name of `seformer models`, a hub id (owner/name) or a folder')
        }
        return [name: model, folder: [], fetch: true]
    }

    // What it sees: regions of a BED, or none for the whole genome; and whether it leaves anything out
    private static Map pretraining(Map params, Path launchDir) {
        def given = params.pretrain.toString()
        return [regions: given == 'genome' ? [] : [Inputs.file(given, '--pretrain', [launchDir])], leave_out: params.pretrain_leave_out != 'nothing']
    }

    // Whether a random twin is trained beside the model, which must be pre-trained
    private static boolean twin(Map params, Map backbone) {
        def names = params.baselines.toString().tokenize(',')
        def pretrained = backbone.fetch || backbone.folder || params.pretrain
        if ('random_twin' in names && !pretrained) {
            Terminal.warn("--baselines: '${params.model}' is trained from scratch, so there is no random twin to stand beside it")
        }
        return pretrained && ('all' in names || 'random_twin' in names)
    }

    // A model folder, or the folder of a sample that holds one. Its name: what seformer.json says
    private static Map trained(String place, Path launchDir) {
        def folder = Inputs.folder(place, '--trained_model', launchDir)
        if (!Files.exists(folder.resolve('seformer.json')) && Files.exists(folder.resolve('model/seformer.json'))) {
            folder = folder.resolve('model')
        }
        def there = { List<String> names -> names.any { name -> Files.exists(folder.resolve(name)) } }
        def missing = [['seformer.json'], ['config.json'], WEIGHTS].find { names -> !there(names) }?.first()
        if (missing) {
            throw Stop.at('--trained_model', "'${folder}' is no model folder of seformer: it has no ${missing}", 'name the folder SAMPLE/model of an earlier run')
        }
        def sample
        try {
            def settings = folder.resolve('seformer.json')
            if (Files.size(settings) > MAX_JSON_BYTES) {
                throw new IOException('it is larger than 64 MiB')
            }
            sample = new JsonSlurper().parseText(settings.getText('UTF-8') ?: '{}').sample
        }
        // deep nesting is an Error
        catch (Exception | StackOverflowError error) {
            throw Stop.at("${folder}/seformer.json", "it is not valid JSON (${error.message?.readLines()?.find() ?: 'nested too deeply'})", 'copy the model folder again')
        }
        def name = folder.fileName.toString() == 'model' && folder.parent?.fileName ? folder.parent.fileName.toString() : folder.fileName.toString()
        def id = [sample, name].find { it -> it instanceof String && it ==~ /[A-Za-z0-9_][A-Za-z0-9_.-]*/ && !(it in SampleSheet.RESERVED - 'integrative') }
        return [id: id ?: 'trained', folder: folder]
    }

    // Outside the tasks' own folders, so that the next attempt finds them; not on object storage
    private static Map checkpoints(Map params, workflow) {
        def folder = params.checkpoint_dir
            ? (workflow.launchDir as Path).resolve(params.checkpoint_dir.toString()).normalize()
            : (workflow.workDir as Path).resolve('checkpoints')
        if (folder.toUri().scheme != 'file' || folder.toString().contains("'")) {
            return [folder: '', marker: []]
        }
        // as an input of the process the marker makes every container engine mount the folder; its
        // date never changes, so that it stays the same to -resume
        def marker = folder.resolve('.seformer')
        try {
            Files.createDirectories(folder)
            if (!Files.exists(marker)) {
                Files.createFile(marker)
                Files.setLastModifiedTime(marker, FileTime.fromMillis(0))
            }
        }
        catch (IOException _error) {
            throw Stop.at('--checkpoint_dir', "the folder '${folder}' cannot be written", 'name one that all tasks can write')
        }
        return [folder: folder.toString(), marker: marker]
    }

    private static Map resolved(Schema schema, Map params) {
        return schema.all
            .findAll { name, _definition -> !(name in ['trace_report_suffix', 'help', 'version', 'monochrome_logs', 'email']) }
            .collectEntries { name, _definition -> [name, params[name]] }
    }

    private static void publish(Map params, String text) {
        def folder = Nextflow.file("${params.outdir}/pipeline_info") as Path
        Files.createDirectories(folder)
        folder.resolve("params_${params.trace_report_suffix}.json").text = text + '\n'
    }

    // Nothing has run: take back the trace file that Nextflow has opened already
    private static void leave(Map params, int status) {
        def outdir = (params.outdir ?: 'results').toString()
        if (!Inputs.isRemote(outdir)) {
            def info = new File(outdir, 'pipeline_info')
            info.listFiles()?.findAll { it -> it.name.contains("_${params.trace_report_suffix}.") }*.delete()
            // delete() leaves a folder that is not empty, but takes a file
            [info, info.parentFile].findAll { it -> it.isDirectory() }*.delete()
        }
        System.out.flush()
        System.exit(status)
    }
}
