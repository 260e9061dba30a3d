// Constituents taken away in silico: of files of regions with every model, and of the samples' own
// super-enhancers, those of the test part, each with the model of its sample
include { DISSECT } from '../../modules/local/dissect/main'

workflow DISSECT_REGIONS {
    take:
    plan     // map: beds (maps of id, name, file) and their constituents, or neither
    held_out // [id of a sample, table of its split, constituents]
    genome   // value: [fasta, index files]
    models   // [meta, folder]

    main:
    of_files = channel.fromList(plan.beds)
        .combine(models)
        .map { bed, meta, model -> [[id: "${meta.id}, ${bed.id}".toString(), sample: meta.id, bed: bed.id, name: bed.name], model, bed.file, [], plan.constituents] }

    of_samples = models
        .map { meta, model -> [meta.id, model] }
        .join(held_out)
        .map { id, model, split, constituents -> [[id: "${id}, super_enhancers".toString(), sample: id, bed: 'super_enhancers', name: 'super_enhancers'], model, [], split, constituents] }

    DISSECT(of_files.mix(of_samples), genome)

    folders  = DISSECT.out.results.map { _meta, folder -> folder }
    versions = DISSECT.out.versions

    emit:
    folders
    versions
}
