#!/usr/bin/env bash
# A cross-validation as in docs/results.md: folds × seeds, every baseline, pooled, and its tables.
#   scripts/results.sh OUT NAME=FASTA,SUPER.bed,TYPICAL.bed[,CLUSTERS.tsv] … [options of `seformer split`]
# Several samples are split together; then there is a model of all of them too, and every model is
# tested on every sample, beside baselines that learned from the same regions. Their contigs must have
# different names where their FASTA files differ, as those of two species: they are joined to one.
# FOLDS, SEEDS and SEEDS_OF_ALL (of the model of all samples), HEAD and FULL (options of both stages),
# EVALUATE and TRANSFER (of these two commands) and JOBS (trainings at a time, one thread each) change it.
# Interrupted, it goes on where it was: what is there is not made again.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
seformer=${SEFORMER:-$here/../.venv/bin/seformer}
export seformer folds=${FOLDS:-5} seeds=${SEEDS:-3} seeds_of_all=${SEEDS_OF_ALL:-1}
export HEAD=${HEAD:---model tiny --head-epochs 0 --features kmer_density}
export FULL=${FULL:---epochs 5} EVALUATE=${EVALUATE:-}
# scores are the same on one thread or many; several trainings at a time use the cores best
export OMP_NUM_THREADS=1
export out=$1
shift
names=() fastas=() supers=() typicals=() splitting=() clustered=
# sample=FASTA,SUPER,TYPICAL is the form of one sample; without a name it may be given in pieces
[[ ${1-} == *=* ]] || set -- "sample=$1,$2,$3" "${@:4}"
while [[ ${1-} == *=* && ${1-} != -* ]]; do
    name=${1%%=*}
    IFS=, read -r fasta super typical clusters <<<"${1#*=}"
    names+=("$name") supers+=("$super") typicals+=("$typical")
    [[ " ${fastas[*]} " == *" $fasta "* ]] || fastas+=("$fasta")
    splitting+=(--extracted "$out/extracted/$name")
    if [ -n "$clusters" ]; then
        splitting+=(--clusters "$clusters")
        clustered=yes
    fi
    shift
done
genome=${fastas[0]}
if [ ${#fastas[@]} -gt 1 ]; then
    # bgzipped files may follow each other in one file
    genome=$out/genome.fa.gz
    mkdir -p "$out"
    [ -f "$genome" ] || { cat "${fastas[@]}" >"$genome.part" && mv "$genome.part" "$genome"; }
fi
for i in "${!names[@]}"; do
    [ -f "$out/extracted/${names[i]}/regions.tsv" ] ||
        "$seformer" extract --fasta "$genome" --super-enhancers "${supers[i]}" \
            --typical-enhancers "${typicals[i]}" --sample "${names[i]}" \
            --out "$out/extracted/${names[i]}"
done
[ -n "$clustered" ] && [[ " $* " != *" --split-by "* ]] && set -- --split-by clusters "$@"
[ -f "$out/split/fold_$folds/audit.json" ] ||
    "$seformer" split "${splitting[@]}" --folds "$folds" --out "$out/split" "$@"

# train and evaluate one sample, or all of them, in one fold
one() {
    local name=$1 fold=$2 samples=("${@:3}") number=$seeds model head full judged
    read -ra head <<<"$HEAD"
    read -ra full <<<"$FULL"
    read -ra judged <<<"$EVALUATE"
    local data=() models=()
    for sample in "${samples[@]}"; do
        data+=(--extracted "$out/extracted/$sample")
        data+=(--splits "$out/split/fold_$fold/$sample/splits.tsv")
    done
    # the model of all samples is judged sample by sample, with its baselines, by `transfer`
    if [ ${#samples[@]} -gt 1 ]; then
        number=$seeds_of_all
        judged=(--baselines length)
    fi
    [ -f "$out/$name/fold_$fold/metrics.json" ] && return
    for ((seed = 1; seed <= number; seed++)); do
        model=$out/training/$name/fold_$fold/seed_$seed
        [ -f "$model/full/seformer.json" ] || {
            "$seformer" finetune-head "${data[@]}" "${head[@]}" --sample "$name" --seed "$seed" \
                --threads 1 --out "$model/head"
            "$seformer" finetune-full "${data[@]}" "${full[@]}" --seed "$seed" --threads 1 \
                --model "$model/head" --out "$model/full"
        }
        models+=(--model "$model/full")
    done
    "$seformer" evaluate "${models[@]}" "${data[@]}" "${judged[@]}" --threads 1 \
        --out "$out/$name/fold_$fold"
}
export -f one

# the longest first
{
    for ((fold = 1; fold <= folds; fold++)); do
        if [ ${#names[@]} -gt 1 ]; then echo "integrative $fold ${names[*]}"; fi
    done
    for ((fold = 1; fold <= folds; fold++)); do
        for name in "${names[@]}"; do echo "$name $fold $name"; done
    done
} | xargs -P "${JOBS:-2}" -I {} bash -euo pipefail -c 'one $0' {}

tables=()
for name in "${names[@]}"; do
    evaluated=()
    for ((fold = 1; fold <= folds; fold++)); do evaluated+=("$out/$name/fold_$fold"); done
    [ -f "$out/pooled/$name/metrics.json" ] ||
        "$seformer" pool --out "$out/pooled/$name" "${evaluated[@]}"
    tables+=("$out/pooled/$name/metrics.json")
done
if [ ${#names[@]} -gt 1 ]; then
    if [ ! -f "$out/transfer/transfer.json" ]; then
        read -ra transfer <<<"${TRANSFER:-}"
        for ((fold = 1; fold <= folds; fold++)); do
            for name in "${names[@]}"; do
                transfer+=(--splits "$out/split/fold_$fold/$name/splits.tsv")
            done
            for name in "${names[@]}" integrative; do
                transfer+=(--model "$out/$name/fold_$fold/model")
            done
        done
        for name in "${names[@]}"; do transfer+=(--extracted "$out/extracted/$name"); done
        OMP_NUM_THREADS=${JOBS:-2} "$seformer" transfer "${transfer[@]}" --threads "${JOBS:-2}" \
            --out "$out/transfer"
    fi
    tables+=("$out/transfer/transfer.json")
fi
"$(dirname "$seformer")/python" "$here/results_table.py" "${tables[@]}"
