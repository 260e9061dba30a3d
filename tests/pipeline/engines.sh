#!/usr/bin/env bash
# A stub run with stand-ins for container engines and the mail system. Arguments: the profiles, and
# options of the pipeline.
set -euo pipefail
export PATH="$PWD/tests/pipeline/engines:$PATH"
exec "$SEFORMER_ROOT/scripts/nextflow.sh" run "$SEFORMER_ROOT" -profile "$1" -stub -ansi-log false --outdir results "${@:2}"
