#!/usr/bin/env bash
# A real run that is killed in stage 2, goes on with -resume, is then started a third time, and a
# fourth time with another test.
# Arguments: options of the pipeline.
set -euo pipefail
# what the demo shows: how faithful explanations are, and the baselines that take long
echo "params { explain_faithfulness = 0; baselines = 'length,gc,kmer_logistic,kmer_boosting' }" > short.config
# as people have it: the strict parser of this Nextflow does not see changed options (lib/Software.groovy)
unset NXF_SYNTAX_PARSER

run() {
    PROFILE=test tests/pipeline/run.sh -c short.config -resume --checkpoint_minutes 0 --outdir "${outdir:-results}" "$@"
}

set -m # a group of its own, so that Nextflow and its tasks are killed at once
run "$@" > killed.log 2>&1 &
group=$!
set +m
for _ in $(seq 1500); do
    if compgen -G 'work/checkpoints/*/*/*.safetensors' > /dev/null; then
        break
    fi
    if ! kill -0 "$group" 2>/dev/null; then
        cat killed.log
        echo "the run ended before stage 2 began"
        exit 1
    fi
    sleep 0.2
done
sleep 1
# the task's processes first: Nextflow starts each in a group of its own
for pid in $(pgrep -f "$PWD/work/" || true); do
    kill -9 "$pid" 2>/dev/null || true
done
kill -9 -- "-$group"
wait "$group" 2>/dev/null || true
ls work/checkpoints/*/*/ > checkpoints.txt

run "$@" > resumed.log 2>&1 || { cat resumed.log; exit 1; }
run "$@" > again.log 2>&1 || { cat again.log; exit 1; }
outdir=retested run "$@" --bootstrap 60 --baselines gc > retested.log 2>&1 || { cat retested.log; exit 1; }
cat resumed.log
