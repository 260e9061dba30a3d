#!/usr/bin/env bash
# Measures every stage against the way it is done today and writes docs/benchmarks.md: three quarters of
# an hour on two cores. Options of benchmarks/run.py can be added: --size smoke, --only prediction.
# SEFORMER_TEST_DATA names real sequences and GENA-LM's tokens; without it bases are random.
# bedtools is measured where it is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/setup.sh
exec .venv/bin/python benchmarks/run.py "$@"
