// seformer: super-enhancers against typical enhancers
include { PREPARE_GENOME  } from '../subworkflows/local/prepare_genome'
include { TRAIN           } from '../subworkflows/local/train'
include { PREDICT_REGIONS } from '../subworkflows/local/predict_regions'
include { EXPLAIN_REGIONS } from '../subworkflows/local/explain_regions'
include { SCORE_VARIANTS  } from '../subworkflows/local/score_variants'
include { DISSECT_REGIONS } from '../subworkflows/local/dissect_regions'
include { SUMMARISE       } from '../subworkflows/local/summarise'

workflow SEFORMER {
    take:
    plan // what the checked parameters ask for, see lib/Plan.groovy

    main:
    PREPARE_GENOME(plan.genome)
    genome   = PREPARE_GENOME.out.files
    folders  = channel.empty()
    strongest = channel.empty()
    versions = PREPARE_GENOME.out.versions

    if (plan.samples) {
        TRAIN(plan, genome)
        models   = TRAIN.out.models
        training = TRAIN.out.training
        held_out = TRAIN.out.held_out
        folders  = folders.mix(TRAIN.out.folders)
        versions = versions.mix(TRAIN.out.versions)
    }
    else {
        models   = channel.fromList(plan.trained.collect { model -> [[id: model.id], model.folder] })
        training = channel.fromList(plan.trained.collect { model -> [model.id, []] })
        held_out = channel.empty()
    }

    if (plan.predict) {
        PREDICT_REGIONS(plan.predict, genome, models, training, plan.gtf, plan.explain_top)
        strongest = PREDICT_REGIONS.out.strongest
        folders  = folders.mix(PREDICT_REGIONS.out.folders)
        versions = versions.mix(PREDICT_REGIONS.out.versions)
    }

    // on one machine scores come first: what takes longer waits for them
    others = plan.predict && plan.one_machine
        ? models.combine(PREDICT_REGIONS.out.done).map { meta, folder, _done -> [meta, folder] }
        : models

    if (plan.explain || plan.explain_top) {
        EXPLAIN_REGIONS(plan.explain, strongest, genome, others, plan.motifs, plan.modisco, plan.gtf, plan.checks)
        folders  = folders.mix(EXPLAIN_REGIONS.out.folders)
        versions = versions.mix(EXPLAIN_REGIONS.out.versions)
    }

    if (plan.variants) {
        SCORE_VARIANTS(plan.variants, genome, others, plan.variant_regions, plan.motifs)
        folders  = folders.mix(SCORE_VARIANTS.out.folders)
        versions = versions.mix(SCORE_VARIANTS.out.versions)
    }

    if (plan.dissect) {
        DISSECT_REGIONS(plan.dissect, held_out.filter { plan.dissect.samples }, genome, others)
        folders  = folders.mix(DISSECT_REGIONS.out.folders)
        versions = versions.mix(DISSECT_REGIONS.out.versions)
    }

    SUMMARISE(folders, versions, plan.parameters, plan.run, plan.outdir, plan.published, genome, plan.multiqc_config)
    report = SUMMARISE.out.report

    emit:
    report
}
