// BED files scored with every model: cut into shards of like work, merged again in their order
include { EXTRACT as EXTRACT_TO_PREDICT } from '../../modules/local/extract/main'
include { PREDICT                       } from '../../modules/local/predict/main'
include { MERGE_PREDICTIONS             } from '../../modules/local/merge_predictions/main'
include { JUDGE                         } from '../../modules/local/judge/main'
include { HAND_OUT; GATHER                } from './shards'

workflow PREDICT_REGIONS {
    take:
    beds     // list of maps: id (safe for folders), name (as published), file
    genome   // value: [fasta, index files]
    models   // [meta, folder]
    training // [id of a model, files of the regions that it was trained on]
    gtf      // annotation whose genes stand beside the regions, or none
    top      // so many regions of every file and model are to be explained

    main:
    EXTRACT_TO_PREDICT(
        channel.fromList(beds.collect { bed -> [[id: bed.id, name: bed.name, others: beds.size() > 1], [], [], bed.file, []] }),
        genome,
        []
    )

    EXTRACT_TO_PREDICT.out.extracted.subscribe { meta, folder -> Terminal.unmatched(meta.name, folder) }
    passed_over = EXTRACT_TO_PREDICT.out.passed_over.toSortedList { a, b -> a.text <=> b.text }
        .flatMap { files -> Inputs.passedOver(files, beds.size(), '--predict') }

    HAND_OUT(EXTRACT_TO_PREDICT.out.shards, models)
    PREDICT(HAND_OUT.out.tasks)
    GATHER(PREDICT.out.predicted)

    MERGE_PREDICTIONS(
        GATHER.out.files.map { meta, folders -> [meta, folders, beds.find { bed -> bed.id == meta.bed }.file] },
        genome.map { files -> files.find { file -> file.name.endsWith('.fai') } },
        gtf,
        top
    )

    // a file with labels is a test of the model
    JUDGE(
        MERGE_PREDICTIONS.out.labelled
            .map { meta, file -> [meta.sample, meta, file] }
            .combine(training, by: 0)
            .map { _id, meta, file, seen -> [meta, file, seen] },
        genome
    )

    done      = MERGE_PREDICTIONS.out.results.toList().map { _results -> true }
    strongest = MERGE_PREDICTIONS.out.top
    folders   = MERGE_PREDICTIONS.out.results.mix(JUDGE.out.results).map { _meta, folder -> folder }.mix(passed_over)
    versions  = EXTRACT_TO_PREDICT.out.versions.mix(PREDICT.out.versions, MERGE_PREDICTIONS.out.versions, JUDGE.out.versions)

    emit:
    done      // once all is scored
    strongest // [meta, table of regions]
    folders
    versions
}
