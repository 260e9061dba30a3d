#!/usr/bin/env bash
# Checks inside the image what the pipeline needs of it:
#   docker run --rm -v "$PWD":/code -w /code seformer:1.0.0 containers/smoke-test.sh
set -euo pipefail
for tool in bash ps awk grep sed date tee tail python3; do
    command -v "$tool" >/dev/null || { echo "missing: $tool"; exit 1; }
done
[ "$(id -u)" -ne 0 ] || { echo "runs as root"; exit 1; }
export PATH="$PWD/bin:$PATH" HOME="${TMPDIR:-/tmp}"
seformer-models --json >/dev/null
ls "$NUMBA_CACHE_DIR"/*/*.nbc >/dev/null # what motifs are named with
python3 - <<'PY'
import sys

sys.path.insert(0, "bin")
import captum, pysam, peft, tangermeme  # noqa: E401, F401
import torch
from seformer.model.backbones import build_backbone

backbone, tokenizer, _ = build_backbone("tiny")
ids = torch.full((1, 8), 7)
assert backbone(ids, torch.ones_like(ids)).shape == (1, 8, 128)
print("torch", torch.__version__, "CUDA build" if torch.version.cuda else "CPU build")
PY
echo "the image is sound"
