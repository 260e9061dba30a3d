#!/usr/bin/env bash
# What a stranger may send: `name` a file whose name is a command, given as a URL; `giant` a model
# folder whose seformer.json is a gigabyte.
set -euo pipefail
fasta=(--fasta tests/data/demo/genome.fa.gz)
mkdir model
touch model/{config.json,model.safetensors}
case $1 in
name)
    cp tests/data/demo/to_score.bed '$(touch ran).bed'
    exec tests/pipeline/run.sh -stub --input tests/data/demo/samplesheet.csv "${fasta[@]}" \
        --outdir results --predict "file://$PWD/\$(touch ran).bed"
    ;;
giant) truncate -s 1G model/seformer.json ;;
esac
exec tests/pipeline/run.sh -stub --trained_model model "${fasta[@]}" \
    --outdir results --predict tests/data/demo/to_score.bed
