#!/usr/bin/env bash
# The package as a wheel in dist/, for a package index.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rm -rf dist build
"${PYTHON:-python3}" -m pip wheel --quiet --no-deps --wheel-dir dist .
ls dist
