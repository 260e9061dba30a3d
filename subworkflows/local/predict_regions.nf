// BED files scored with every model: cut into shards of like work, merged again in their order
include { EXTRACT as EXTRACT_TO_PREDICT } from '../../modules/local/extract/main'
include { PREDICT                       } from '../../modules/local/predict/main'
include { MERGE_PREDICTIONS               } from '../../modules/local/merge_predictions/main'

workflow PREDICT_REGIONS {
    take:
    beds   // list of maps: id (safe for folders), name (as published), file
    genome // value: [fasta, index files]
    models // [meta, folder]

    main:
    EXTRACT_TO_PREDICT(
        channel.fromList(beds.collect { it -> [[id: it.id, name: it.name], [], [], it.file, []] }),
        genome,
        []
    )

    shards = EXTRACT_TO_PREDICT.out.shards
        .flatMap { bed, folders -> Shards.numbered(bed, folders) }
        .combine(models)
        .map { bed, folder, model, model_folder -> Shards.task(bed, folder, model, model_folder) }

    PREDICT(shards)

    merged = PREDICT.out.predicted
        .map { meta, folder -> [groupKey([meta.sample, meta.bed], meta.shards), meta, folder] }
        .groupTuple()
        .map { _key, metas, folders -> Shards.gathered(metas, folders) }
        .map { meta, folders -> [meta, folders, beds.find { it -> it.id == meta.bed }.file] }

    MERGE_PREDICTIONS(merged)

    emit:
    folders  = MERGE_PREDICTIONS.out.results.map { _meta, folder -> folder }
    versions = EXTRACT_TO_PREDICT.out.versions_seformer
        .mix(EXTRACT_TO_PREDICT.out.versions_pysam, EXTRACT_TO_PREDICT.out.versions_pandas)
        .mix(PREDICT.out.versions_seformer, PREDICT.out.versions_torch)
        .mix(MERGE_PREDICTIONS.out.versions_seformer, MERGE_PREDICTIONS.out.versions_pandas)
}
