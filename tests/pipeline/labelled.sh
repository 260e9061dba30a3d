#!/usr/bin/env bash
# Scores the demo's regions with their labels too, which makes them a test of the model
set -euo pipefail
demo=tests/data/demo
for class in super:SE typical:TE; do
    sed "s/\(\([^\t]*\t\)\{3\}[^\t]*\).*/\1\t${class#*:}/" "$demo/${class%:*}_enhancers.bed"
done > labelled.bed
exec tests/pipeline/run.sh "$@" --predict "$demo/to_score.bed,labelled.bed"
