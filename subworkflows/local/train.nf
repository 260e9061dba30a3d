// From regions to evaluated models: one per sample and, if wanted, one for all samples together
include { EXTRACT       } from '../../modules/local/extract/main'
include { SPLIT         } from '../../modules/local/split/main'
include { FETCH_MODEL   } from '../../modules/local/fetch_model/main'
include { FINETUNE_HEAD } from '../../modules/local/finetune_head/main'
include { FINETUNE_FULL } from '../../modules/local/finetune_full/main'
include { EVALUATE      } from '../../modules/local/evaluate/main'

workflow TRAIN {
    take:
    samples     // list of maps: id, row, super_enhancers, typical_enhancers, regions, clusters, splits
    genome      // value: [fasta, index files]
    backbone    // map: name, folder, fetch
    integrative // boolean: also one model for all samples
    checkpoints // map: folder for the checkpoints of stage 2, or an empty text; marker

    main:
    EXTRACT(
        channel.fromList(samples.collect { it -> [[id: it.id, row: it.row], it.super_enhancers, it.typical_enhancers, it.regions] }),
        genome
    )

    // the order of the sheet, so that the same run is the same to -resume
    extracted = EXTRACT.out.extracted.toSortedList { a, b -> a[0].row <=> b[0].row }

    SPLIT(
        extracted.map { all -> all.collect { it -> it[0].id } },
        extracted.map { all -> all.collect { it -> it[1] } },
        samples.collectMany { it -> it.clusters },
        samples.collectMany { it -> it.splits }
    )

    single = EXTRACT.out.extracted
        .map { meta, folder -> [meta.id, folder] }
        .join(SPLIT.out.splits.flatten().map { folder -> [folder.name, folder] })
        .map { id, folder, split -> [[id: id, members: 1], [folder], [split]] }

    together = extracted
        .combine(SPLIT.out.splits.map { folders -> [folders instanceof List ? folders : [folders]] })
        .filter { integrative }
        .map { row ->
            def splits = row[-1]
            def all    = row[0..-2]
            [[id: 'integrative', members: all.size()], all.collect { it -> it[1] }, all.collect { it -> splits.find { split -> split.name == it[0].id } }]
        }

    data = single.mix(together)

    if (backbone.fetch) {
        FETCH_MODEL(backbone.name)
        source         = FETCH_MODEL.out.model.map { folder -> [backbone.name, folder] }
        fetch_versions = FETCH_MODEL.out.versions_seformer.mix(FETCH_MODEL.out.versions_huggingface_hub)
    }
    else {
        source         = channel.value([backbone.name, backbone.folder])
        fetch_versions = channel.empty()
    }

    FINETUNE_HEAD(data, source)
    FINETUNE_FULL(FINETUNE_HEAD.out.model.join(data), [checkpoints.folder, checkpoints.marker])
    EVALUATE(FINETUNE_FULL.out.model.join(data))

    emit:
    models   = EVALUATE.out.model   // [meta, folder]
    metrics  = EVALUATE.out.metrics // [meta, file]
    folders  = SPLIT.out.splits.flatten()
        .mix(SPLIT.out.audit)
        .mix(FINETUNE_HEAD.out.history.map { _meta, folder -> folder })
        .mix(FINETUNE_FULL.out.history.map { _meta, folder -> folder })
        .mix(EVALUATE.out.results.map { _meta, folder -> folder })
    versions = fetch_versions
        .mix(EXTRACT.out.versions_seformer, EXTRACT.out.versions_pysam, EXTRACT.out.versions_pandas)
        .mix(SPLIT.out.versions_seformer, SPLIT.out.versions_pandas)
        .mix(FINETUNE_HEAD.out.versions_seformer, FINETUNE_HEAD.out.versions_torch, FINETUNE_HEAD.out.versions_transformers)
        .mix(FINETUNE_FULL.out.versions_seformer, FINETUNE_FULL.out.versions_torch, FINETUNE_FULL.out.versions_transformers, FINETUNE_FULL.out.versions_accelerate)
        .mix(EVALUATE.out.versions_seformer, EVALUATE.out.versions_torch, EVALUATE.out.versions_scikit_learn)
}
