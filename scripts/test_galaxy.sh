#!/usr/bin/env bash
# The Galaxy tools in a real Galaxy: lint; every tool's own tests, plain and in the tools' image; a
# planted wrong expectation, which has to fail; the workflow from upload to report; names of data sets
# that a shell would run; and the scores of the command and of the pipeline. About ten minutes on two idle cores.
#
#   scripts/test_galaxy.sh [lint] [plain] [docker] [docker-all]
#
# Without arguments lint alone, which needs no server; plain starts one, docker runs the first test of
# every tool in the image, docker-all runs all.
#
# SEFORMER_FIXTURES names a folder with galaxy-tool-test.sh, which starts a Galaxy from its Python
# packages and runs the tools' tests, and with docker-up.sh, which starts a Docker engine. What cannot
# be had here is skipped, and a line says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
version=$(.venv/bin/python -c 'import seformer; print(seformer.__version__)')
place=${TMPDIR:-/tmp}/galaxy-tool-test
planemo=$place/planemo/bin/planemo
fixture=${SEFORMER_FIXTURES:-/nowhere}/galaxy-tool-test.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/seformer-galaxy.XXXXXX")
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1

say() { printf 'galaxy: %s\n' "$*"; }
skip() {
    say "SKIPPED $*"
    exit 0
}

# an environment of its own: planemo's packages would not go with ours
set_up_planemo() {
    [ -x "$planemo" ] && return
    python3 -m venv "$place/planemo" && "$place/planemo/bin/pip" install -q 'planemo==0.75.*'
}

lint() {
    local tool log=$work/lint.log
    for tool in galaxy/seformer_*.xml; do
        "$planemo" lint --fail_level warn --skip BioToolsValid "$tool" >"$log" 2>&1 ||
            { cat "$log"; say "FAILED lint of $tool"; return 1; }
    done
    "$planemo" shed_lint --tools --ensure_metadata --fail_level warn \
        --skip BioToolsValid,version_bumped galaxy >"$log" 2>&1 ||
        { cat "$log"; say "FAILED shed_lint"; return 1; }
    "$planemo" workflow_lint --fail_level error galaxy/workflows/seformer.gxwf.yml >"$log" 2>&1 ||
        { cat "$log"; say "FAILED workflow_lint"; return 1; }
    say "PASSED lint"
}

# the same regions scored by the command and by the pipeline
score_elsewhere() {
    local data=$root/galaxy/test-data
    mkdir "$work/elsewhere"
    cd "$work/elsewhere"
    "$root/.venv/bin/seformer" predict --model "$data/model.tar" --fasta "$data/genome.fa.gz" \
        --regions "$data/to_score.bed" --out command
    mv command/predictions.tsv command.tsv
    "$root/.venv/bin/seformer" unpack --archive "$data/model.tar" --out toy/model
    cp "$data/genome.fa.gz" .
    "$root/scripts/nextflow.sh" run "$root" -profile venv -ansi-log false --max_cpus 2 \
        --trained_model toy/model --fasta genome.fa.gz --predict "$data/to_score.bed" \
        --outdir results >pipeline.log 2>&1 || { tail -n 20 pipeline.log; return 1; }
    cp results/*/predictions/to_score.tsv pipeline.tsv
    cd "$root"
}

# only the first test of every tool
keep_first() {
    .venv/bin/python - "$1" <<'PY'
import re
import sys
from pathlib import Path

for path in Path(sys.argv[1]).glob("seformer_*.xml"):
    first = re.search(r"<test .*?</test>", path.read_text(), re.DOTALL)[0]
    whole = f"<tests>{first}</tests>"
    path.write_text(re.sub(r"<tests>.*</tests>", lambda _: whole, path.read_text(), flags=re.DOTALL))
PY
}

# one more tool, whose test expects what is not there
plant() {
    .venv/bin/python - "$1" <<'PY'
import re
import sys
from pathlib import Path

folder = Path(sys.argv[1])
text = (folder / "seformer_extract.xml").read_text()
tests = re.findall(r"<test .*?</test>", text, re.DOTALL)
wrong = tests[1].replace('text="not_matched"', 'text="planted"')
assert wrong != tests[1]
text = re.sub(r"<tests>.*</tests>", lambda _: f"<tests>{wrong}</tests>", text, flags=re.DOTALL)
text = text.replace('id="seformer_extract"', 'id="seformer_planted"')
(folder / "seformer_planted.xml").write_text(text)
PY
}

# judge NAME STATUS TESTS FAILURES: the fixture's end; exactly the named tools' tests must have failed
judge() {
    local name=$1 status=$2 log=$work/$1.log results=$work/$1/results.json
    grep -E '^(Galaxy |PASSED|SUCCESS|FAILURE|ERROR|SKIP|tests took|largest|[0-9]+ passed)' "$log" || true
    if [ "$status" = 3 ]; then
        say "SKIPPED $name: no Galaxy server could be started here ($(tail -n 1 "$log"))"
        return
    fi
    if [ ! -e "$results" ] || ! .venv/bin/python - "$results" "${@:3}" <<'PY'; then
import json
import sys

tests = json.load(open(sys.argv[1]))["tests"]
wanted, planted = int(sys.argv[2]), set(sys.argv[3:])
failed = {t["id"].split("/")[0] for t in tests if t["data"]["status"] != "success"}
sys.exit(0 if len(tests) == wanted and failed == planted else 1)
PY
        tail -n 60 "$log"
        say "FAILED $name"
        return 1
    fi
    say "PASSED $name: $3 tests, of which ${4:-none} had to fail"
}

tests_in() { grep -h -o '<test ' "$1"/*.xml | wc -l; }

plain() {
    local status=0 tools=$work/tools
    score_elsewhere
    cp -r galaxy "$tools"
    plant "$tools"
    export CHECKS=$root/tests/galaxy/server_checks.py EXPECTED=$work/elsewhere PLANEMO=$planemo TOOLS_COPY=$tools
    # shellcheck disable=SC2016  # the fixture expands these
    GX_HOOK='"$VENV/bin/python" "$CHECKS" "http://127.0.0.1:$PORT" "$KEY" "$TOOLS_COPY/test-data" \
        "$EXPECTED/command.tsv" "$EXPECTED/pipeline.tsv" \
        --planemo "$PLANEMO" --workflow "$TOOLS_COPY/workflows/seformer.gxwf.yml"' \
        GX_TOOL_PATH=$root/.venv/bin GX_WORK=$work/plain "$fixture" "$tools" >"$work/plain.log" 2>&1 || status=$?
    judge plain $status "$(tests_in "$tools")" seformer_planted
    if [ -n "$(find "$work" -name escaped.json)" ]; then
        say "FAILED: a member of an archive got out"
        return 1
    fi
}

image() {
    local name file
    if ! docker info >/dev/null 2>&1; then
        "${SEFORMER_FIXTURES:-/nowhere}/docker-up.sh" >"$work/docker-up.log" 2>&1 || return 1
    fi
    for name in seformer:Dockerfile seformer-multiqc:multiqc.Dockerfile seformer-galaxy:galaxy.Dockerfile; do
        file=${name#*:} name=${name%:*}
        docker build -q --network=host -f "containers/$file" -t "$name:$version" . >>"$work/image.log" 2>&1 ||
            { tail -n 20 "$work/image.log"; return 1; }
    done
}

in_docker() {
    local status=0 name=$1
    image || skip "docker: no Docker engine, or no image ($(tail -n 1 "$work"/*.log | tail -n 1))"
    cp -r galaxy "$work/tools_$name"
    [ "$name" = docker-all ] || keep_first "$work/tools_$name"
    GX_DOCKER=1 GX_WORK=$work/$name "$fixture" "$work/tools_$name" >"$work/$name.log" 2>&1 || status=$?
    judge "$name" $status "$(tests_in "$work/tools_$name")"
}

parts=${*:-lint}
[ -x "$fixture" ] || skip "all: SEFORMER_FIXTURES does not name a folder with galaxy-tool-test.sh"
set_up_planemo || skip "all: planemo could not be installed"
for part in $parts; do
    case $part in
        lint) lint ;;
        plain) plain ;;
        docker | docker-all) in_docker "$part" ;;
        *) say "no such part: $part"; exit 2 ;;
    esac
done
