#!/usr/bin/env bash
# Uses a model folder with a stub of a model in it, as far as the checks of the parameters look.
set -euo pipefail
mkdir -p "results/K562/model"
touch results/K562/model/config.json results/K562/model/model.safetensors
echo '{"sample": "K562"}' > results/K562/model/seformer.json
exec tests/pipeline/run.sh "$@"
