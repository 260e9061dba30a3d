#!/usr/bin/env bash
# A whole run with one backbone after another, on every third region: layouts of tests/published.py. What sees
# no model is done once. Without real data there is none of them.
set -euo pipefail
[ -n "${SEFORMER_BACKBONES-}" ] || exit 0
demo=tests/data/demo
for class in super typical; do
    awk 'NR % 3 == 1' "$demo/${class}_enhancers.bed" > "$class.bed"
done
printf 'sample,super_enhancers,typical_enhancers\nsimulated,super.bed,typical.bed\n' > sheet.csv
head -n 6 "$demo/to_score.bed" > to_score.bed
head -n 1 "$demo/to_explain.bed" > to_explain.bed
# other runs name motifs
echo 'params.motifs = null' > unnamed.config
for layout in "$@"; do
    PROFILE=test tests/pipeline/run.sh -c unnamed.config -resume --outdir "$layout" \
        --input sheet.csv --predict to_score.bed --explain to_explain.bed \
        --model "$SEFORMER_BACKBONES/$layout" --window 128 --max_windows 1 --head_epochs 1 --epochs 1 \
        --baselines length --bootstrap 20 --explain_max_steps 32 --explain_faithfulness 0
done
