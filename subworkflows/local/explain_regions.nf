// BED files explained with every model: cut into shards of like work, merged again in their order. How
// far they can be believed is measured beside all that uses them: only the report waits for it
include { EXTRACT as EXTRACT_TO_EXPLAIN } from '../../modules/local/extract/main'
include { EXPLAIN                       } from '../../modules/local/explain/main'
include { MERGE_ATTRIBUTIONS            } from '../../modules/local/merge_attributions/main'
include { FAITHFULNESS                  } from '../../modules/local/faithfulness/main'
include { MOTIFS                        } from '../../modules/local/motifs/main'
include { MODISCO                       } from '../../modules/local/modisco/main'
include { HAND_OUT; GATHER              } from './shards'

workflow EXPLAIN_REGIONS {
    take:
    beds   // list of maps: id (safe for folders), name (as published), file
    own    // regions that a model is to explain alone: [meta of scores, file]
    genome // value: [fasta, index files]
    models // [meta, folder]
    known  // motif file in MEME format, or null
    anew   // whether to search for motifs without such a file too
    gtf    // annotation whose genes stand beside the regions, or none
    checks // regions of each file on which faithfulness is measured

    main:
    EXTRACT_TO_EXPLAIN(
        channel.fromList(beds.collect { bed -> [[id: bed.id, name: bed.name, others: beds.size() > 1], [], [], bed.file, []] }).mix(
            own.map { meta, file -> [Shards.own(meta, file), [], [], file, []] }
        ),
        genome,
        []
    )

    EXTRACT_TO_EXPLAIN.out.extracted.subscribe { meta, folder -> Terminal.unmatched(meta.name, folder) }
    passed_over = EXTRACT_TO_EXPLAIN.out.passed_over.toSortedList { a, b -> a.text <=> b.text }
        .flatMap { files -> Inputs.passedOver(files, beds.size(), '--explain') }

    HAND_OUT(EXTRACT_TO_EXPLAIN.out.shards, models)
    EXPLAIN(HAND_OUT.out.tasks)
    GATHER(EXPLAIN.out.explained)

    MERGE_ATTRIBUTIONS(GATHER.out.files, genome.map { files -> files.find { file -> file.name.endsWith('.fai') } }, gtf)

    results  = MERGE_ATTRIBUTIONS.out.results
    versions = EXTRACT_TO_EXPLAIN.out.versions.mix(EXPLAIN.out.versions, MERGE_ATTRIBUTIONS.out.versions)

    if (checks) {
        // one process start a file, not one a shard, and the same regions however the shards were cut
        FAITHFULNESS(
            MERGE_ATTRIBUTIONS.out.unchecked
                .map { meta, files -> [meta.sample, meta, files] }
                .combine(models.map { meta, folder -> [meta.id, folder] }, by: 0)
                .map { _sample, meta, files, folder -> [meta, folder, files] }
        )
        results  = FAITHFULNESS.out.results
        versions = versions.mix(FAITHFULNESS.out.versions)
    }

    if (known) {
        MOTIFS(MERGE_ATTRIBUTIONS.out.values, known)
        results  = results.mix(MOTIFS.out.results)
        versions = versions.mix(MOTIFS.out.versions)
    }

    if (anew) {
        MODISCO(MERGE_ATTRIBUTIONS.out.values, known ?: [])
        results  = results.mix(MODISCO.out.results)
        versions = versions.mix(MODISCO.out.versions)
    }

    folders  = results.map { _meta, folder -> folder }.mix(passed_over)

    emit:
    folders
    versions
}
