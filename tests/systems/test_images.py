"""The images that a run needs, as Nextflow names them before it runs."""

import json
import subprocess

from runs import IMAGES, ROOT, command


def test_nextflow_inspect_lists_the_images(tmp_path):
    words = command("test,docker")
    words[words.index("run") :] = ["inspect", str(ROOT), "-profile", "test,docker"]
    words += ["-format", "json", "--outdir", "results"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout[done.stdout.index("{") :])
    named = {row["name"].rpartition(":")[2]: row["container"] for row in said["processes"]}
    # with the strict parser also what only a parameter calls for
    assert named.pop("MODISCO", "seformer-modisco:1.0.0") == "seformer-modisco:1.0.0"
    assert set(named.values()) == set(IMAGES)
    assert [name for name in named if "multiqc" in named[name]] == ["MULTIQC"]
    assert {"EXTRACT", "FINETUNE_FULL", "PREDICT", "EXPLAIN", "MOTIFS", "REPORT"} <= set(named)
