#!/usr/bin/env bash
# The demo: simulated data, a tiny model from scratch, scores, explanations and the report.
# Takes the set-up (once) and some minutes on two cores. Everything lies in demo/. Called again it
# takes what is finished from there; options of the pipeline can be added, such as --epochs 20.
# SEFORMER_DEMO=/another/folder puts it elsewhere.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

scripts/setup.sh
mkdir -p "${SEFORMER_DEMO:-demo}"
cd "${SEFORMER_DEMO:-demo}"
if [ ! -e data/samplesheet.csv ]; then
    "$root/.venv/bin/seformer" simulate --out data --seed 1
fi
"$root/scripts/nextflow.sh" run "$root" -profile venv -resume \
    --input data/samplesheet.csv \
    --fasta data/genome.fa.gz \
    --model tiny --epochs 8 \
    --predict data/regions_to_score.bed \
    --explain data/regions_to_explain.bed --explain_references 3 \
    --outdir results \
    "$@"
echo "The report: $PWD/results/multiqc/multiqc_report.html"
