#!/usr/bin/env bash
# A cross-validation as in docs/results.md: folds × seeds, every baseline, pooled, and its table.
#   scripts/results.sh OUT FASTA SUPER.bed TYPICAL.bed [options of `seformer split`]
# FOLDS, SEEDS, HEAD and FULL change the numbers of folds and seeds and the options of both stages.
# Interrupted, it goes on where it was.
set -euo pipefail
out=$1 fasta=$2 super=$3 typical=$4
shift 4
seformer=${SEFORMER:-$(dirname "${BASH_SOURCE[0]}")/../.venv/bin/seformer}
python=$(dirname "$seformer")/python
folds=${FOLDS:-5} seeds=${SEEDS:-3}
read -ra head <<<"${HEAD:---model tiny --window 130 --head-epochs 0 --features kmer}"
read -ra full <<<"${FULL:---epochs 2 --max-windows 2}"

[ -f "$out/extracted/regions.tsv" ] ||
    "$seformer" extract --fasta "$fasta" --super-enhancers "$super" --typical-enhancers "$typical" \
        --sample sample --out "$out/extracted"
[ -f "$out/split/fold_$folds/audit.json" ] ||
    "$seformer" split --extracted "$out/extracted" --folds "$folds" --out "$out/split" "$@"
evaluated=()
for ((fold = 1; fold <= folds; fold++)); do
    data=(--extracted "$out/extracted" --splits "$out/split/fold_$fold/sample/splits.tsv")
    models=()
    for ((seed = 1; seed <= seeds; seed++)); do
        model=$out/fold_$fold/seed_$seed
        [ -f "$model/full/seformer.json" ] || {
            "$seformer" finetune-head "${data[@]}" "${head[@]}" --seed "$seed" --out "$model/head"
            "$seformer" finetune-full "${data[@]}" "${full[@]}" --seed "$seed" \
                --model "$model/head" --out "$model/full"
        }
        models+=(--model "$model/full")
    done
    evaluated+=("$out/fold_$fold/evaluated")
    [ -f "$out/fold_$fold/evaluated/metrics.json" ] ||
        "$seformer" evaluate "${models[@]}" "${data[@]}" --out "$out/fold_$fold/evaluated"
done
"$seformer" pool --out "$out/pooled" "${evaluated[@]}"
"$python" "$(dirname "${BASH_SOURCE[0]}")/results_table.py" "$out/pooled/metrics.json"
