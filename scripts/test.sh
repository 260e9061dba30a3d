#!/usr/bin/env bash
# All checks: lint, unit and pipeline tests, in one run of pytest. Some minutes on two cores.
# Options of pytest can be added: scripts/test.sh -k split, or scripts/test.sh tests/unit
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh
# workflows run beside the other tests, and the models are tiny: more threads only wait for each other
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-10000} # as the command has it: the processors are shared here
# hundreds of processes would each compile the package otherwise
unset PYTHONDONTWRITEBYTECODE
# as Nextflow 26.04 reads scripts; the demo is read as the Nextflow at hand does by itself
export NXF_SYNTAX_PARSER=${NXF_SYNTAX_PARSER:-v2}
options=(--workflow-threads 2)
# pipeline tests run in copies of the repository: of its files only, where git can tell them
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    options+=(--git-aware)
fi
for argument in "$@"; do
    [ -e "${argument%%::*}" ] && exec .venv/bin/python -m pytest "${options[@]}" "$@"
done
exec .venv/bin/python -m pytest "${options[@]}" tests --ignore=tests/systems "$@"
