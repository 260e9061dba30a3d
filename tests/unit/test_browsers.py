"""Files for genome browsers beside the report: a hub that UCSC would take, a session of IGV."""

import json
import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pybigtools
import pysam
import pytest
from report_inputs import (
    MOTIFS,
    NAMED,
    SUMMARY,
    VARIED,
    dissection,
    explanations,
    predictions,
    top_regions,
    variants,
    write_json,
    write_table,
)
from test_report import report

from seformer.genome.bigwig_writer import write_bigwig
from seformer.scoring.browser_bed import write_browser_bed
from seformer.util.errors import UserError

SIZES = {"chr1": 248_956_422, "chr2": 242_193_529}
BED9 = "{0}\t{1}\t{2}\t{3}\t900\t+\t{1}\t{2}\t213,94,0\n"


def write_tracks_of(place, bed, chrom="chr1", assembly="hg38"):
    """Results of one sample, published, with a track of every kind."""
    top = json.loads(json.dumps(top_regions()).replace('"chr1"', f'"{chrom}"'))
    sizes = {chrom: SIZES["chr1"] if assembly else 10**6}
    top |= {"assembly": assembly, "chromosomes": sizes}
    table, summary = explanations(np.random.default_rng(0), 5)
    write_table(table, place / f"attributions/{bed}.tsv")
    write_json(summary, place / f"attributions/{bed}.summary.json")
    write_json(top, place / f"attributions/{bed}.top.json")
    write_bigwig(place / f"attributions/{bed}.bw", sizes, iter([(chrom, 5, 9, 0.5)]))
    scored = predictions(np.random.default_rng(0), 9)
    write_table(scored, place / f"predictions/{bed}.tsv")
    write_json(
        SUMMARY | {"rows": 9, "assembly": assembly}, place / f"predictions/{bed}.summary.json"
    )
    rows = [BED9.format(chrom, start, start + 800, "r") for start in (7000, 5000, 6000, 8000)]
    (place / f"predictions/{bed}.bed").write_text("".join(rows))
    files = (place / f"predictions/{bed}{suffix}" for suffix in (".bed", ".bb"))
    write_browser_bed(*files, sizes, "sizes")
    write_table(pd.DataFrame(MOTIFS), place / f"motifs/{bed}/motifs.tsv")
    write_json(NAMED, place / f"motifs/{bed}/summary.json")
    sites = [BED9.format(chrom, start, start + 8, "SPI1") for start in (50, 10)]
    (place / f"motifs/{bed}/seqlets.bed").write_text("".join(sites))
    constituents, summary = dissection()
    write_table(constituents, place / f"dissect/{bed}/constituents.tsv")
    write_json(summary, place / f"dissect/{bed}/summary.json")
    (place / f"dissect/{bed}/constituents.bed").write_text(BED9.format(chrom, 0, 30, "c|MYC"))
    write_table(variants(3), place / f"variants/{bed}.tsv")
    write_json(VARIED, place / f"variants/{bed}.summary.json")
    vcf = place / f"variants/{bed}.vcf"
    vcf.write_text(
        f"##fileformat=VCFv4.3\n##contig=<ID={chrom}>\n"
        f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n{chrom}\t31\t.\tA\tG\t.\t.\t.\n"
    )
    pysam.tabix_index(str(vcf), preset="vcf", force=True)


def stanzas(path):
    """Settings of a file of UCSC's: a setting a line, a blank line between stanzas."""
    parts = path.read_text().strip().split("\n\n")
    return [dict(line.split(" ", 1) for line in part.splitlines()) for part in parts]


def opened(out):
    """What UCSC's browser and IGV would open: tracks by name, and paths of the session."""
    (hub,) = stanzas(out / "hub/hub.txt")
    assert hub.keys() == {"hub", "shortLabel", "longLabel", "genomesFile", "email"}
    assert re.fullmatch(r"\S+", hub["hub"]) and re.fullmatch(r"\S+@\S+", hub["email"])
    (genome,) = stanzas(out / "hub" / hub["genomesFile"])
    assert genome.keys() == {"genome", "trackDb"}
    tracks = stanzas(out / "hub" / genome["trackDb"])
    for track in tracks:
        assert {"track", "type", "bigDataUrl", "shortLabel", "longLabel"} <= track.keys()
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", track["track"])
        assert len(track["shortLabel"]) <= 17 and len(track["longLabel"]) <= 80
    names = [track["track"] for track in tracks]
    assert len(set(names)) == len(names)
    return genome["genome"], tracks


def session_of(out):
    session = ElementTree.parse(out / "igv_session.xml").getroot()
    return session, [resource.get("path") for resource in session.iter("Resource")]


def test_ucsc_and_igv_find_every_track(tmp_path):
    for sample, bed in (("K562", "my peaks.v2"), ("MM1.S", "other"), ("MM1_S", "other")):
        write_tracks_of(tmp_path / "results" / sample, bed)
    out = tmp_path / "pages" / "report"
    report([tmp_path / "results"], out)
    genome, tracks = opened(out)
    assert genome == "hg38" and len(tracks) == 15
    kinds = {"bigWig": 3, "bigBed 9": 9, "vcfTabix": 3}
    types = [track["type"] for track in tracks]
    assert {kind: types.count(kind) for kind in kinds} == kinds
    for track in tracks:
        file = out / "hub" / unquote(track["bigDataUrl"])
        assert " " not in track["bigDataUrl"] and file.is_file(), track
        if track["type"] == "vcfTabix":
            assert file.with_name(f"{file.name}.tbi").is_file()
        else:
            with pybigtools.open(str(file)) as readable:
                assert readable.chroms() == {"chr1": SIZES["chr1"]}
                assert readable.is_bigwig == (track["type"] == "bigWig")
    motifs = next(out.glob("hub/motifs_K562*.bb"))
    with pybigtools.open(str(motifs)) as readable:
        assert [record[:3] for record in readable.records("chr1")] == [
            (10, 18, "SPI1"),
            (50, 58, "SPI1"),
        ]
    session, paths = session_of(out)
    assert session.tag == "Session" and session.get("genome") == "hg38"
    assert session.get("locus") == "chr1:1-60" and len(paths) == 15
    assert all((out / path).is_file() and not Path(path).is_absolute() for path in paths)
    # made again without results for a browser nothing of them stays
    write_table(pd.DataFrame(MOTIFS), tmp_path / "less/K562/motifs/x/motifs.tsv")
    report([tmp_path / "less"], out)
    assert not (out / "hub" / "hub.txt").exists() and not (out / "igv_session.xml").exists()


@pytest.mark.parametrize(
    ("chrom", "assembly", "why"),
    [
        ("chr1", None, "not of one genome that it has (hg19, hg38, mm9, mm10, mm39)"),
        ("chr1", "mm10", "not of one genome"),
        ("1", "hg38", "its chromosomes are called chr1 and so on, these 1"),
    ],
)
def test_no_hub_for_a_genome_that_ucsc_does_not_show(tmp_path, caplog, chrom, assembly, why):
    write_tracks_of(tmp_path / "results/K562", "peaks", chrom, assembly)
    if assembly == "mm10":
        write_tracks_of(tmp_path / "results/other", "peaks")
    fasta = tmp_path / "genomes" / "mine.fa"
    fasta.parent.mkdir()
    fasta.write_text(f">{chrom}\n{'ACGT' * 3000}\n")
    caplog.set_level("INFO")
    report([tmp_path / "results"], tmp_path / "out", fasta=fasta)
    assert f"no hub/ for UCSC's browser is written: {why}" in caplog.text.replace(
        "the results are ", ""
    )
    assert not (tmp_path / "out/hub").exists()
    session, paths = session_of(tmp_path / "out")
    assert session.get("genome") == ("hg38" if assembly == "hg38" else "../genomes/mine.fa")
    assert all((tmp_path / "out" / path).is_file() for path in paths)
    assert "names no genome" not in caplog.text


def test_igv_is_told_which_genome_or_the_reader_is(tmp_path, caplog):
    write_tracks_of(tmp_path / "results/K562", "peaks", assembly=None)
    report([tmp_path / "results"], tmp_path / "out")
    assert session_of(tmp_path / "out")[0].get("genome") is None
    assert "choose it in IGV before you open it, or give --fasta" in caplog.text


def test_paths_are_those_of_the_published_results(tmp_path):
    """The pipeline makes the page of copies of the tables, elsewhere, and knows files by ids."""
    place = tmp_path / "staged/1/K562"
    write_tracks_of(tmp_path / "published/K562", "my peaks")
    top = tmp_path / "published/K562/attributions/my peaks.top.json"
    table, summary = explanations(np.random.default_rng(0), 5)
    write_table(table, place / "my_peaks/attributions.tsv")
    write_json(summary, place / "my_peaks/summary.json")
    (place / "my_peaks/top.json").write_text(top.read_text())
    write_table(variants(3), tmp_path / "staged/2/K562/my_peaks/variants.tsv")
    motifs = tmp_path / "staged/3/K562/my_peaks"
    write_table(pd.DataFrame(MOTIFS), motifs / "motifs.tsv")
    (motifs / "seqlets.bed").write_text(BED9.format("chr1", 1, 9, "SPI1"))
    names = {"attributions": {"my_peaks": "my peaks"}, "motifs": {"my_peaks": "my peaks"}}
    published = {"names": names | {"variants": {}}, "genome": "../genome.fa"}
    write_json(published, tmp_path / "published.json")
    (tmp_path / "genome.fai").write_text("".join(f"{n}\t{s}\n" for n, s in SIZES.items()))
    folders = [tmp_path / "staged" / number for number in "123"]
    how = {"published": tmp_path / "published.json", "chrom_sizes": tmp_path / "genome.fai"}
    report(folders, tmp_path / "published", **how)
    _, tracks = opened(tmp_path / "published")
    addresses = {track["type"]: track["bigDataUrl"] for track in tracks}
    assert addresses["bigWig"] == "../K562/attributions/my%20peaks.bw"
    assert addresses["vcfTabix"] == "../K562/variants/my_peaks.vcf.gz"
    session, paths = session_of(tmp_path / "published")
    assert paths[:2] == [
        "K562/attributions/my peaks.bw",
        "K562/motifs/my peaks/seqlets.bed",
    ]
    assert all((tmp_path / "published" / path).is_file() for path in paths[:2])
    # the assembly goes before the pipeline's own genome
    assert session.get("genome") == "hg38"
    (tmp_path / "published.json").write_text("{}")
    with pytest.raises(UserError, match=r"published.json: genome is missing"):
        report(folders, tmp_path / "out", **how)


def test_seqlets_of_version_1_are_for_igv_alone(tmp_path):
    place = tmp_path / "results/K562"
    write_tracks_of(place, "peaks")
    old = "chr1\t5\t9\tSPI1\t1\t+\t0.5\t0.9\tSE\tr1\n"
    (place / "motifs/peaks/seqlets.bed").write_text(old)
    report([tmp_path / "results"], tmp_path / "out")
    _, tracks = opened(tmp_path / "out")
    assert len(tracks) == 4 and not [t for t in tracks if t["track"].startswith("motifs")]
    assert len(session_of(tmp_path / "out")[1]) == 5
