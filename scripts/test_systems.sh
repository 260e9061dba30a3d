#!/usr/bin/env bash
# Runs of the whole pipeline on real systems: no network, Docker, Charliecloud, SLURM. About 20
# minutes on two cores. What cannot be had here is skipped, and the last lines say why.
#
# SEFORMER_FIXTURES names a folder with docker-up.sh and slurm-up.sh, which start an engine and a
# cluster (SLURM's prints the variables to export); what is running already is taken.
# Options of pytest can be added: scripts/test_systems.sh -k slurm
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh
if [ -x scripts/test_galaxy.sh ] && [ $# -eq 0 ]; then
    scripts/test_galaxy.sh
fi
exec .venv/bin/python -m pytest -p no:cacheprovider tests/systems "$@"
