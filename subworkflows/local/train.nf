// From regions to evaluated models: one per sample and, if wanted, one for all samples together.
// With folds and seeds each of these is an ensemble: a training per fold and seed, a test per fold
include { CALL          } from '../../modules/local/call/main'
include { EXTRACT       } from '../../modules/local/extract/main'
include { SPLIT         } from '../../modules/local/split/main'
include { FETCH_MODEL   } from '../../modules/local/fetch_model/main'
include { PRETRAIN      } from '../../modules/local/pretrain/main'
include { FINETUNE_HEAD } from '../../modules/local/finetune_head/main'
include { FINETUNE_FULL } from '../../modules/local/finetune_full/main'
include { CALIBRATE     } from '../../modules/local/calibrate/main'
include { BASELINES     } from '../../modules/local/baselines/main'
include { EVALUATE      } from '../../modules/local/evaluate/main'
include { ENSEMBLE      } from '../../modules/local/ensemble/main'
include { POOL          } from '../../modules/local/pool/main'
include { TRANSFER      } from '../../modules/local/transfer/main'

// What several folds made, as one item: in their order, so that -resume finds it
def inOrder(metas, folders) {
    def order = (0..<metas.size()).toSorted { a, b -> metas[a].fold <=> metas[b].fold }
    return [metas[0].subMap(['id', 'members']), order.collect { i -> folders[i] }]
}

workflow TRAIN {
    take:
    plan   // map: samples, gtf, by_constituent, backbone, integrative, checkpoints, folds, seeds, blacklist, twin, tracks, pretrain, see lib/Plan.groovy
    genome // value: [fasta, index files]

    main:
    samples = plan.samples
    folds   = plan.folds // numbers of the folds; [0] is one split

    labelled = channel.fromList(samples.findAll { sample -> !sample.peaks }.collect { sample -> [[id: sample.id, row: sample.row], sample.super_enhancers, sample.typical_enhancers, sample.regions, sample.constituents] })

    // from peaks and signal the labels are made first
    if (samples.any { sample -> sample.peaks }) {
        CALL(
            channel.fromList(samples.findAll { sample -> sample.peaks }.collect { sample -> [[id: sample.id, row: sample.row], sample.peaks, sample.signal, sample.control] }),
            plan.gtf,
            genome
        )
        labelled = labelled.mix(
            CALL.out.called.map { meta, folder -> [meta, [], [], folder.resolve('AllEnhancers.table.txt'), plan.by_constituent ? [folder.resolve('constituents.bed')] : []] }
        )
        parts         = CALL.out.called.map { meta, folder -> [meta.id, folder.resolve('constituents.bed')] }
        calls         = CALL.out.called.map { _meta, folder -> folder }
        call_versions = CALL.out.versions
    }
    else {
        parts         = channel.empty()
        calls         = channel.empty()
        call_versions = channel.empty()
    }

    EXTRACT(
        labelled,
        genome,
        plan.blacklist
    )

    EXTRACT.out.extracted.subscribe { meta, folder -> Terminal.unmatched(meta.id, folder) }

    // the order of the sheet, so that the same run is the same to -resume
    extracted = EXTRACT.out.extracted.toSortedList { a, b -> a[0].row <=> b[0].row }

    SPLIT(
        extracted.map { all -> all.collect { meta, _folder -> meta.id } },
        extracted.map { all -> all.collect { _meta, folder -> folder } },
        samples.collectMany { sample -> sample.clusters },
        samples.collectMany { sample -> sample.splits }
    )

    // number of the fold, and the folder that has the samples' splits
    splits = SPLIT.out.audit.flatMap { audit -> folds.collect { fold -> [fold, fold ? audit.parent.resolve("fold_${fold}") : audit.parent] } }

    single = EXTRACT.out.extracted
        .combine(splits)
        .map { meta, folder, fold, split -> [[id: meta.id, members: 1, fold: fold], [folder], [split.resolve(meta.id)]] }

    together = extracted
        .map { all -> [all] }
        .combine(splits)
        .filter { plan.integrative }
        .map { all, fold, split -> [[id: 'integrative', members: all.size(), fold: fold], all.collect { _meta, folder -> folder }, all.collect { meta, _folder -> split.resolve(meta.id) }] }

    data = single.mix(together)

    // run: the folder of one training among several, or an empty text
    runs = data
        .combine(channel.fromList(plan.seeds))
        .map { meta, regions, split, seed ->
            def run = (meta.fold ? "fold_${meta.fold}/" : '') + (plan.seeds.size() > 1 ? "seed_${seed}/" : '')
            [meta + [seed: seed, run: run], regions, split]
        }

    // beside a pre-trained model its random twin: one a fold, with the first seed
    twins = runs
        .filter { meta, _regions, _split -> plan.twin && meta.seed == plan.seeds[0] }
        .map { meta, regions, split -> [meta + [twin: true, run: "${meta.run}random_twin/".toString()], regions, split] }
    trainings = runs.mix(twins)

    if (plan.backbone.fetch) {
        FETCH_MODEL(plan.backbone.name)
        source   = FETCH_MODEL.out.model.map { folder -> [plan.backbone.name, folder] }
        versions = FETCH_MODEL.out.versions
    }
    else {
        source   = channel.value([plan.backbone.name, plan.backbone.folder])
        versions = channel.empty()
    }

    checkpoints = [plan.checkpoints.folder, plan.checkpoints.marker]

    // one pre-training for all samples and seeds; of each fold its own, since it holds out others
    if (plan.pretrain) {
        PRETRAIN(
            plan.pretrain.leave_out
                ? splits.map { fold, split -> [[fold: fold, run: fold ? "fold_${fold}/" : ''], samples.collect { sample -> split.resolve(sample.id).resolve('splits.tsv') }] }
                : channel.of([[fold: 0, run: ''], []]),
            genome,
            plan.pretrain.regions,
            source,
            checkpoints
        )
        further = PRETRAIN.out.model.map { meta, folder -> [plan.pretrain.leave_out ? meta.fold : 0, plan.backbone.name, folder] }
        started = trainings
            .map { meta, regions, split -> [plan.pretrain.leave_out ? meta.fold : 0, meta, regions, split] }
            .combine(further, by: 0)
            .map { row -> row.tail() }
        versions = versions.mix(PRETRAIN.out.versions)
        records  = PRETRAIN.out.record.map { meta, files -> meta.fold ? files[0].parent.parent : files[0].parent }
    }
    else {
        started = trainings.combine(source)
        records = channel.empty()
    }
    from = started.multiMap { meta, regions, split, name, folder ->
        data: [meta, regions, split]
        backbone: [name, folder]
    }

    FINETUNE_HEAD(from.data, from.backbone)
    FINETUNE_FULL(FINETUNE_HEAD.out.model.join(trainings), checkpoints)

    networks = FINETUNE_FULL.out.model.branch { meta, model ->
        twin: meta.twin
            return [meta.subMap(['id', 'members', 'fold']), model]
        own: true
    }

    // the models of all seeds, in their order
    trained = networks.own
        .map { meta, model -> [groupKey([meta.id, meta.fold], plan.seeds.size()), meta, model] }
        .groupTuple()
        .map { _key, metas, models ->
            def order = (0..<metas.size()).toSorted { a, b -> metas[a].seed <=> metas[b].seed }
            [metas[0].subMap(['id', 'members', 'fold']), order.collect { i -> models[i] }]
        }

    twins_trained = networks.twin
        .join(data)
        .map { meta, model, regions, split -> [meta + [twin: true], model, regions, split] }

    BASELINES(data, [plan.tracks.names, plan.tracks.files], plan.twin)
    CALIBRATE(trained.join(data).mix(twins_trained))

    calibrated = CALIBRATE.out.calibrated.branch { meta, folder ->
        twin: meta.twin
            return [meta.subMap(['id', 'members', 'fold']), folder]
        own: true
    }
    ready      = calibrated.own.map { meta, folder -> [meta, folder.resolve('model')] }
    twinned    = plan.twin ? calibrated.twin : data.map { meta, _regions, _split -> [meta, []] }

    EVALUATE(calibrated.own.join(BASELINES.out.scores).join(data).join(twinned))

    if (folds.size() > 1) {
        ENSEMBLE(
            calibrated.own
                .map { meta, folder -> [groupKey(meta.id, folds.size()), meta, folder] }
                .groupTuple()
                .map { _key, metas, folders -> inOrder(metas, folders) }
        )
        POOL(
            EVALUATE.out.metrics
                .map { meta, file -> [groupKey(meta.id, folds.size()), meta, file.parent] }
                .groupTuple()
                .map { _key, metas, folders -> inOrder(metas, folders) }
                .join(ENSEMBLE.out.model)
        )
        models   = ENSEMBLE.out.model
        results  = POOL.out.results
        versions = versions.mix(ENSEMBLE.out.versions, POOL.out.versions)
    }
    else {
        models   = ready
        results  = EVALUATE.out.results
    }

    if (samples.size() > 1) {
        // one order in every run, so that -resume finds it
        TRANSFER(
            ready.toSortedList { a, b -> a[0].fold <=> b[0].fold ?: a[0].id <=> b[0].id }.map { all -> all.collect { _meta, model -> model } },
            extracted.map { all -> all.collect { _meta, folder -> folder } },
            splits.map { _fold, split -> samples.collect { sample -> split.resolve(sample.id) } }.collect()
        )
        matrix   = TRANSFER.out.matrix
        versions = versions.mix(TRANSFER.out.versions)
    }
    else {
        matrix   = channel.empty()
    }

    // with folds every region was in the training of some
    table    = folds.size() > 1 ? 'regions.tsv' : 'splits.tsv'
    training = single
        .mix(together)
        .map { meta, _folders, split -> [meta.id, split] }
        .unique { row -> row[0] }
        .map { id, split -> [id, split.collect { folder -> (folds.size() > 1 ? folder.parent.parent.resolve(folder.name) : folder).resolve(table) }] }

    // what has constituents, with its split; of folds the first
    held_out = single
        .filter { meta, _folders, _split -> meta.fold < 2 }
        .map { meta, _folders, split -> [meta.id, split[0].resolve('regions.tsv')] }
        .join(channel.fromList(samples.findAll { sample -> sample.parts }.collect { sample -> [sample.id, sample.parts[0]] }).mix(parts))

    folders  = SPLIT.out.tables.flatten()
        .map { file -> file.parent }
        .unique()
        .filter { folder -> !(folder.parent.name ==~ /fold_\d+/) }
        .mix(SPLIT.out.audit, matrix, calls, records)
        .mix(FINETUNE_HEAD.out.history.mix(FINETUNE_FULL.out.history).filter { meta, _file -> !meta.twin }.map { meta, file -> meta.run.tokenize('/').inject(file.parent) { folder, _part -> folder.parent } })
        .mix(results.map { _meta, folder -> folder })
    versions = versions.mix(call_versions, EXTRACT.out.versions, SPLIT.out.versions, FINETUNE_HEAD.out.versions, FINETUNE_FULL.out.versions, BASELINES.out.versions, CALIBRATE.out.versions, EVALUATE.out.versions)

    emit:
    models   // [meta, folder]
    held_out // [id of a sample, table of its split, constituents]
    training // [id of a model, tables of its regions]
    folders
    versions
}
