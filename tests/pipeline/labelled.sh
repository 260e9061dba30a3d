#!/usr/bin/env bash
# Trains on every second region of the demo, and scores these with their labels too, which makes them a
# test of the model, and variants in two of those to score, as the GWAS catalogue names them: without a
# reference allele. The model is a Nucleotide Transformer v1 in small where there is one
set -euo pipefail
demo=tests/data/demo
for class in super:SE typical:TE; do
    bed=${class%:*}.bed
    awk 'NR % 2 == 1' "$demo/${class%:*}_enhancers.bed" > "$bed"
    sed "s/\(\([^\t]*\t\)\{3\}[^\t]*\).*/\1\t${class#*:}/" "$bed"
done > labelled.bed
printf 'sample,super_enhancers,typical_enhancers\nsimulated,super.bed,typical.bed\n' > sheet.csv
{
    printf 'CHR_ID\tCHR_POS\tSTRONGEST SNP-RISK ALLELE\tSNPS\n'
    for position in 4996 5001 8796 8801; do
        for base in A C G T; do
            printf 'chr7\t%d\trs%d-%s\trs%d\n' "$position" "$position" "$base" "$position"
        done
    done
    printf '\t\trs9-A\trs9\n'
} > gwas.tsv
echo 'subtitle: "Of the laboratory"' > 'own config.yml'
model=(--model tiny)
[ -z "${SEFORMER_BACKBONES-}" ] || model=(--model "$SEFORMER_BACKBONES/nt_v1" --window 128)
exec tests/pipeline/run.sh "$@" "${model[@]}" --input sheet.csv --predict "$demo/to_score.bed,labelled.bed" \
    --variants gwas.tsv --variant_regions "$demo/to_score.bed" --motifs "$demo/motifs.meme" \
    --multiqc_title 'Folds and seeds' --multiqc_config 'own config.yml' --variant_null 24 --variant_shard_alleles 20
