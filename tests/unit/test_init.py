"""`seformer init`: files recognised for what they are, two files that the pipeline reads."""

from __future__ import annotations

import csv
import json
import logging
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from seformer.regions.detect import Role, recognise_regions, sample_name
from seformer.regions.init import PARAMETERS, RESERVED, SHEET, init
from seformer.regions.settings import FetchedGenome
from seformer.util.errors import UserError
from seformer.util.profiles import profile_at_hand

ROOT = Path(__file__).parents[2]
BED = "chr1\t100\t900\n" * 2
ROSE = """\
# written by ROSE
REGION_ID\tCHROM\tSTART\tSTOP\tNUM_LOCI\tCONSTITUENT_SIZE\tsignal\tenhancerRank\tisSuper
a\tchr1\t100\t9000\t3\t800\t12.5\t1\t1
b\tchr1\t20000\t21000\t1\t800\t1.5\t2\t0
"""
DBSUPER = "chr1\t100\t9000\tSE_10_07700001\t1\nchr2\t100\t9000\tSE_10_07700002\t2\n"
SEDB = """\
se_id\tcell_id\tse_chr\tse_start\tse_end\tse_rank
SE_00_0100001\tSample_00_01\tchr1\t100\t9000\t1
SE_00_0200001\tSample_00_02\tchr1\t20000\t29000\t1
"""
DEEPSE = "\ufeffchrom,start,end,label,length\r\nchr1,1,90,YES,90\r\nchr1,200,290,NO,90\r\n"


@pytest.mark.parametrize(
    ("programs", "is_set_up", "profile"),
    [
        ({"docker": 0, "singularity": 0}, True, "docker"),
        ({"docker": 1}, True, "venv"),
        ({"docker": 1, "singularity": 0}, False, "docker"),
        ({"ch-run": 0}, False, "charliecloud"),
        ({}, False, "docker"),
    ],
)
def test_the_profile_that_is_named_is_at_hand(programs, is_set_up, profile, tmp_path, monkeypatch):
    """As the pipeline's help names it: an engine counts if it has the image."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, code in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    if is_set_up:
        (tmp_path / ".venv/bin").mkdir(parents=True)
        (tmp_path / ".venv/bin/python").touch()
    assert profile_at_hand(tmp_path) == profile


@pytest.mark.parametrize(
    ("name", "content", "role", "why"),
    [
        ("K562_SE.bed", BED, Role.super, "name"),
        ("K562_super-enhancers.bed", BED, Role.super, "name"),
        ("K562_Gateway_SuperEnhancers.bed", BED, Role.super, "name"),
        ("K562.typical_enhancers.bed", BED, Role.typical, "name"),
        ("K562_non-super-enhancers.bed", BED, Role.typical, "name"),
        ("peaks_test.bed", BED, Role.score, "no label"),
        ("H1_TE.bed", "chrom\tstart\tend\tlabel\nchr1\t1\t9\tSE\n", Role.super, "label"),
        ("K562_AllEnhancers.table.txt", ROSE, Role.labelled, "isSuper"),
        ("MM1.S.csv", DEEPSE, Role.labelled, "label"),
        ("MM1.S.bed", DBSUPER, Role.super, "dbSUPER"),
        ("package.bed", SEDB, Role.super, "SEdb"),
    ],
)
def test_files_are_recognised(write, name, content, role, why):
    found = recognise_regions(write(name, content))
    assert found.role is role
    assert why in found.why


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("MM1.S_SE.bed", "MM1.S"),
        ("K562_AllEnhancers.table.txt", "K562"),
        ("K562_AllStitched.table.txt", "K562"),
        ("a cell/super_enhancers.bed.gz", "a_cell"),
        ("H2171.csv", "H2171"),
        ("K562 (rep 1)_TE.bed", "K562_rep_1"),
        ("K562_peaks.xls", "K562"),
        ("K562.gff3.gz", "K562"),
    ],
)
def test_sample_names(path, name):
    assert sample_name(Path("/data") / path) == name
    schema = json.loads((ROOT / "assets/schema_input.json").read_text())
    assert re.match(schema["items"]["properties"]["sample"]["pattern"], name)


def sheet_rows(path: Path) -> list[dict[str, str]]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def spread(first: int, width: int, number: int) -> str:
    return "".join(f"chr1\t{s}\t{s + width}\n" for s in range(first, first + number * 10**4, 10**4))


def test_sheet_and_parameters(write, tmp_path, caplog):
    caplog.set_level(logging.INFO, "seformer")
    folder = tmp_path / "in"
    write("in/A_SE.bed", spread(0, 5000, 120))
    write("in/A_TE.bed", spread(6000, 900, 120))
    write("in/B_AllEnhancers.table.txt", ROSE)
    write("in/C_SE.bed", spread(0, 5000, 3))
    write("in/peaks, all.bed", BED)
    write("in/readme.txt", "not regions")
    init([folder], tmp_path / "out")
    assert sheet_rows(tmp_path / "out" / SHEET) == [
        {
            "sample": "B",
            "super_enhancers": "",
            "typical_enhancers": "",
            "regions": str(folder / "B_AllEnhancers.table.txt"),
        },
        {
            "sample": "A",
            "super_enhancers": str(folder / "A_SE.bed"),
            "typical_enhancers": str(folder / "A_TE.bed"),
            "regions": "",
        },
    ]
    assert "# incomplete: C," in (tmp_path / "out" / SHEET).read_text()
    parameters = yaml.safe_load((tmp_path / "out" / PARAMETERS).read_text())
    assert parameters["input"] == str(tmp_path / "out" / SHEET)
    assert parameters["predict"] == str(folder / "peaks, all.bed")
    for found in (
        "A: super-enhancers have a median of 5,000 bp",
        "B: 1 super-enhancers and 1",
        "C: the typical enhancers are missing",
        "rows repeat another region",
    ):
        assert found in caplog.text


def test_every_parameter_written_exists(write, tmp_path):
    init([write("a_SE.bed", BED)], tmp_path / "out")
    schema = json.loads((ROOT / "nextflow_schema.json").read_text())
    known = {name for group in schema["$defs"].values() for name in group["properties"]}
    text = (tmp_path / "out" / PARAMETERS).read_text()
    assert set(re.findall(r"^(?:# )?([a-z_]+): ", text, re.MULTILINE)) <= known
    genomes = schema["$defs"]["input_output_options"]["properties"]["genome"]["enum"]
    assert genomes == list(get_args(FetchedGenome))
    for name in RESERVED:
        assert f"'{name}'" in (ROOT / "lib/SampleSheet.groovy").read_text()


def test_genome_is_compared(write, tmp_path, fasta, caplog):
    caplog.set_level(logging.INFO, "seformer")
    genome = fasta({"1": "ACGT" * 200})
    files = [write("a_SE.bed", "chr1\t0\t90\n"), write("a_TE.bed", "chr1\t200\t2000\n")]
    init(files, tmp_path / "out", fasta=genome)
    parameters = yaml.safe_load((tmp_path / "out" / PARAMETERS).read_text())
    assert parameters["rename_chromosomes"] is True
    assert parameters["fasta"] == str(genome)
    assert "regions pass the end of chr1" in caplog.text
    files = [write("b.csv", "chrom,start,end,label\nchr1,1,249000000,1\nchr1,5,9,0\n")]
    init(files, tmp_path / "other", genome="hg19")
    assert "the regions fit hg19" in caplog.text


def test_paths_that_the_pipeline_would_misread_are_told(write, tmp_path, caplog):
    caplog.set_level(logging.INFO, "seformer")
    init([write("a, b.bed", BED), write("peaks[1].bed", BED)], tmp_path / "out")
    assert "a comma in its path" in caplog.text
    assert "cannot pass on" in caplog.text


def test_nothing_is_overwritten(write, tmp_path):
    path = write("a_SE.bed", BED)
    write("out/params.yml", "mine")
    with pytest.raises(UserError, match="there already"):
        init([path], tmp_path / "out")
    assert (tmp_path / "out/params.yml").read_text() == "mine"
    assert not (tmp_path / "out/samplesheet.csv").exists()


def test_bad_input_is_a_message(write, tmp_path):
    with pytest.raises(UserError, match="no such file"):
        init([tmp_path / "none.bed"], tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no region files"):
        init([tmp_path / "empty"], tmp_path / "out")
    with pytest.raises(UserError, match="two genomes"):
        init([write("a.bed", BED)], tmp_path / "out", fasta=Path("x"), genome="hg19")
    with pytest.raises(UserError, match="one of hg19"):
        init([write("a.bed", BED)], tmp_path / "out", genome="hg20")
    assert not (tmp_path / "out").exists()


@pytest.mark.real
def test_deepse_as_it_comes(real_data, tmp_path, caplog):
    caplog.set_level(logging.INFO, "seformer")
    init([real_data / "deepse"], tmp_path / "out")
    names = [row["sample"] for row in sheet_rows(tmp_path / "out" / SHEET)]
    assert names == ["H2171", "MM1.S", "mESC_constituent", "macrophage", "u87"]
    assert "different assemblies" in caplog.text


def test_of_a_folder_of_rose_the_one_table_is_proposed(tmp_path, caplog):
    rose = tmp_path / "rose"
    rose.mkdir()
    head = "REGION_ID\tCHROM\tSTART\tSTOP\tNUM_LOCI\tisSuper\n"
    rows = "2_p\tchr1\t100\t4000\t2\t1\n", "p9\tchr2\t500\t900\t1\t0\n"
    beds = "chr1\t100\t4000\tp\t1\n", "chr2\t500\t900\tp9\t2\n"
    for name, content in {
        "AllEnhancers.table.txt": "# K562 Enhancers\n" + head + "".join(rows),
        "AllEnhancers_ENHANCER_TO_GENE.txt": head + "".join(rows),
        "SuperEnhancers.table.txt": head + rows[0],
        "Gateway_Enhancers.bed": "".join(beds),
        "Gateway_SuperEnhancers.bed": 'track name="K562"\n' + beds[0],
        "Enhancers_withSuper.bed": "track name=e\n" + "".join(beds) + "track name=s\n" + beds[0],
        "commands.txt": "python ROSE_main.py -g hg19\n",
    }.items():
        (rose / f"K562_{name}").write_text(content)
    init([rose], tmp_path / "out")
    sheet = (tmp_path / "out" / "samplesheet.csv").read_text()
    assert sheet.splitlines()[-2:] == ["sample,regions", f"K562,{rose}/K562_AllEnhancers.table.txt"]
    assert caplog.text.count("is left aside: its regions are those of K562_AllEnhancers") == 4
    assert "K562_Enhancers_withSuper.bed is left aside" in caplog.text
    assert "K562_commands.txt is left aside" in caplog.text
