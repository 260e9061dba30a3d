#!/usr/bin/env bash
# The demo, the whole way: simulated peaks and signal, super-enhancers called from them, whose class is in
# the order of their motifs, which counting cannot see; a model from scratch that learns it, baselines that
# cannot, scores, explanations, constituents dissected, variants, and the report.
# Takes the set-up (once) and some minutes on two cores. Everything lies in demo/. Called again it
# takes what is finished from there; options of the pipeline can be added, such as --epochs 20.
# SEFORMER_DEMO=/another/folder puts it elsewhere.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

scripts/setup.sh
mkdir -p "${SEFORMER_DEMO:-demo}"
cd "${SEFORMER_DEMO:-demo}"
if [ ! -e data/variants.vcf ]; then
    "$root/.venv/bin/seformer" simulate --out data --seed 1
fi
"$root/scripts/nextflow.sh" run "$root" -profile venv -resume \
    -c "$root/conf/demo.config" \
    --input data/samplesheet_from_peaks.csv --stitch 100 \
    --fasta data/genome.fa.gz \
    --model bases --head_epochs 3 --epochs 7 --batch_size 12 --warmup 0.05 \
    --predict data/regions_to_score.bed \
    --explain data/regions_to_explain.bed --explain_reference zero \
    --dissect data/regions_to_explain.bed --constituents data/peaks.narrowPeak \
    --variants data/variants.vcf --variant_regions data/regions_to_score.bed --variant_null 1000 --variant_shard_alleles 5000 \
    --outdir results \
    "$@"
echo "The report: $PWD/results/multiqc/multiqc_report.html"
