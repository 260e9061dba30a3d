#!/usr/bin/env nextflow
// seformer: super-enhancers against typical enhancers from DNA sequence
include { SEFORMER } from './workflows/seformer'

workflow {

    main:
    // handlers of events do not see `workflow`
    def run  = workflow
    def plan = Plan.of(run, params, args)

    Terminal.banner(run, plan)
    SEFORMER(plan)

    workflow.onComplete {
        Terminal.summary(run, plan.params)
        Mail.send(run, plan.params)
    }
}
