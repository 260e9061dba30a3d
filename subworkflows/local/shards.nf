// Shards of BED files: handed out to the models, and together again in the order of the rows

workflow HAND_OUT {
    take:
    cut    // [meta of the BED file, folders of its shards]
    models // [meta, folder]

    main:
    tasks = cut
        .flatMap { bed, folders -> Shards.numbered(bed, folders) }
        .combine(models)
        .filter { bed, _folder, model, _model_folder -> !bed.model || bed.model == model.id }
        .map { bed, folder, model, model_folder -> Shards.task(bed, folder, model, model_folder) }

    emit:
    tasks // [meta, model's folder, shard's folder]
}

workflow GATHER {
    take:
    done // [meta of a task, folder]

    main:
    files = done
        .map { meta, folder -> [groupKey([meta.sample, meta.bed], meta.shards), meta, folder] }
        .groupTuple()
        .map { _key, metas, folders -> Shards.gathered(metas, folders) }

    emit:
    files // [meta of a BED file with one model, folders of all shards]
}
