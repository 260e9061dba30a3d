// Variants scored with every model: cut into shards of like work, with the random substitutions that
// they are compared with; p and q are made of all shards together
include { CUT_VARIANTS      } from '../../modules/local/cut_variants/main'
include { VARIANTS          } from '../../modules/local/variants/main'
include { MERGE_VARIANTS    } from '../../modules/local/merge_variants/main'
include { HAND_OUT; GATHER  } from './shards'

workflow SCORE_VARIANTS {
    take:
    files   // list of maps: id (safe for folders), name (as published), file
    genome  // value: [fasta, index files]
    models  // [meta, folder]
    regions // regions in which variants are scored, or none: round each
    motifs  // motif file in MEME format, or null

    main:
    CUT_VARIANTS(
        channel.fromList(files.collect { vcf -> [[id: vcf.id, name: vcf.name], vcf.file] }),
        genome,
        regions
    )
    CUT_VARIANTS.out.cut.subscribe { meta, folder -> Terminal.unmatched(meta.name, folder) }

    HAND_OUT(CUT_VARIANTS.out.shards, models)
    VARIANTS(HAND_OUT.out.tasks)
    GATHER(VARIANTS.out.scored)

    MERGE_VARIANTS(
        GATHER.out.files.map { meta, folders -> [meta, folders, files.find { vcf -> vcf.id == meta.bed }.file] },
        genome,
        regions,
        motifs ?: []
    )

    folders  = MERGE_VARIANTS.out.results.map { _meta, folder -> folder }
    versions = CUT_VARIANTS.out.versions.mix(VARIANTS.out.versions, MERGE_VARIANTS.out.versions)

    emit:
    folders
    versions
}
