"""simulate, extract and split from the command line: exit codes and messages."""

from __future__ import annotations

import pytest

from seformer import cli
from seformer.report import collect
from seformer.report.sections import verdict


@pytest.fixture
def run(monkeypatch, capfd):
    """Run a command line and return its exit code and what it wrote to standard error."""
    monkeypatch.setattr(cli, "COMMANDS", ("simulate", "extract", "split"))

    def run_main(*arguments):
        with pytest.raises(SystemExit) as stopped:
            cli.main([str(argument) for argument in arguments])
        return stopped.value.code, capfd.readouterr().err

    return run_main


def test_the_way_of_the_data(run, tmp_path):
    sim, extracted = tmp_path / "sim", tmp_path / "extracted"
    assert run("simulate", "--out", sim)[0] == 0
    classes = (
        *("--super-enhancers", sim / "super_enhancers.bed"),
        *("--typical-enhancers", sim / "typical_enhancers.bed"),
    )
    fasta = ("--fasta", sim / "genome.fa.gz")
    assert run("extract", *fasta, *classes, "--out", extracted, "--sample", "cell")[0] == 0
    code, log = run("split", "--extracted", extracted, "--out", tmp_path / "s")
    assert code == 0
    assert "test: 423 regions" in log
    assert (tmp_path / "s/cell/splits.tsv").is_file()
    score = ("--regions", sim / "regions_to_score.bed", "--unlabelled", "--shard-bases", "100000")
    assert run("extract", *fasta, *score, "--out", tmp_path / "cut")[0] == 0
    assert len(list((tmp_path / "cut").glob("shard_*"))) > 1


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (
            ("split", "--extracted", "x", "--out", "y", "--split-by", "random"),
            "--split-by random. Expected: one of auto, chromosomes, clusters, homology, file.",
        ),
        (("extract", "--fasta", "x", "--out", "y", "--regoins", "z"), "No such option"),
        (("extract", "--regoins", "z"), "--regions"),
        (("simulat",), "Did you mean 'simulate'?"),
        (("simulate",), "Missing option '--out'"),
        (("simulate", "--out", "y", "--seed", "-1"), "seed"),
    ],
)
def test_wrong_options_are_a_message(run, arguments, found):
    code, log = run(*arguments)
    assert code == 2
    assert found in log
    assert "Traceback" not in log


def test_bad_input_is_a_message_with_file_and_line(run, tmp_path, fasta, bed):
    regions = bed("bad.bed", [("chr1", 5, 2)])
    arguments = ("--fasta", fasta({"chr1": "ACGT" * 30}), "--regions", regions, "--unlabelled")
    code, log = run("extract", *arguments, "--out", tmp_path / "out")
    assert code == 2
    assert log.count("\n") == 1 + log.count("making the index")
    assert "bad.bed, line 1: start 5 is not before end 2" in log
    assert not (tmp_path / "out").exists()


def test_words_left_over_are_told(run):
    code, log = run("extract", "--fasta", "g.fa", "--out", "o", "--regions", "a.bed", "b.bed")
    # the frame breaks lines
    said = " ".join(log.replace("│", " ").split())
    assert code == 2 and "(b.bed)" in said and "in quotes" in said and "repeat" in said


@pytest.mark.parametrize(
    "rows, reason",
    [
        ([], "the file has no regions"),
        ([("chr99", 5, 50)], "no chromosome of this file is in the genome"),
    ],
    ids=["empty", "foreign"],
)
def test_one_file_among_others_is_passed_over_and_named(run, tmp_path, fasta, bed, rows, reason):
    arguments = ("extract", "--fasta", fasta({"chr1": "ACGT" * 30}), "--unlabelled")
    arguments += ("--regions", bed("one.bed", rows), "--out", tmp_path / "out")
    assert run(*arguments)[0] == 2
    code, log = run(*arguments, "--pass-over", tmp_path / "over" / "passed_over.json")
    assert code == 0 and "one.bed: passed over. " in log and reason in log
    assert not (tmp_path / "out").exists()
    (section,) = verdict.sections(collect.collect([tmp_path / "over"]))
    assert "one.bed" in section.data and reason in section.data
