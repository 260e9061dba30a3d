// One split for all samples, so that a locus stays on one side across cell lines
process SPLIT {
    tag "${ids.size()} samples"
    label 'process_low'

    input:
    val ids
    path extracted, stageAs: 'extracted/?'
    path clusters , stageAs: 'clusters/?/*'
    path files    , stageAs: 'given/?/*'

    output:
    path 'splits/**.tsv'    , emit: tables
    path 'splits/audit.json', emit: audit
    tuple val("${task.process}"), eval('seformer-version seformer pandas'), topic: versions, emit: versions

    script:
    def args   = task.ext.args ?: ''
    def inputs = ids.withIndex(1).collect { _id, i ->
        "--extracted extracted/${i}" + (clusters ? " --clusters clusters/${i}/*" : '') + (files ? " --splits given/${i}/*" : '')
    }
    """
    seformer-split \\
        ${inputs.join(' ')} \\
        --out splits \\
        ${args}
    """

    stub:
    def args  = task.ext.args ?: ''
    def folds = (args =~ /--folds (\d+)/).collect { found -> found[1] as int }.sum() ?: 1
    def all   = folds > 1 ? (1..folds).collect { k -> "fold_${k}/" } : ['']
    """
    for folder in ${all.collectMany { fold -> ids.collect { id -> fold + id } }.join(' ')}; do
        mkdir -p splits/\$folder
        touch splits/\$folder/splits.tsv splits/\$folder/regions.tsv
    done
    echo '{}' > splits/audit.json
    """
}
