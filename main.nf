#!/usr/bin/env nextflow
// seformer: super-enhancers against typical enhancers from DNA sequence
include { SEFORMER } from './workflows/seformer'

workflow {

    main:
    // handlers of events see neither `workflow` nor `params`
    def run   = workflow
    def given = params
    def plan  = Plan.of(run, given)

    Terminal.banner(run, given, plan)
    SEFORMER(plan)

    workflow.onComplete {
        Terminal.summary(run, given)
    }
}
