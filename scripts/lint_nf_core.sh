#!/usr/bin/env bash
# nf-core's own check of the pipeline. What it is told to leave out, and why, stands in .nf-core.yml.
# Its tools come into an environment of their own, once; exit status 3 if they cannot be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=.venv/share/nf-core
scripts/setup.sh
if [ ! -x "$tools/bin/nf-core" ]; then
    .venv/bin/python -m venv "$tools"
    wanted=nf-core==$(sed -n 's/^nf_core_version: //p' .nf-core.yml)
    .venv/bin/uv pip install --quiet --no-cache --system-certs --python "$tools/bin/python" "$wanted" ||
        "$tools/bin/pip" install --quiet "$wanted" || exit 3
fi

# it calls `nextflow`; and what it remembers of the configuration does not see changes in conf/
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
printf '#!/usr/bin/env bash\nexec %q "$@"\n' "$PWD/scripts/nextflow.sh" >"$place/nextflow"
chmod +x "$place/nextflow"
export NXF_HOME="$place/home" XDG_CACHE_HOME="$place/cache" PATH="$place:$PATH" SEFORMER_NEXTFLOW=bundled
"$tools/bin/nf-core" --hide-progress pipelines lint --dir . "$@"
