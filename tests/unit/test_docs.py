"""The documentation agrees with the code: commands, options, tables, messages and links."""

from __future__ import annotations

import functools
import json
import re
import shlex
import shutil
import subprocess
import sys
from itertools import dropwhile
from pathlib import Path

import pytest
import typer

from seformer import cli
from seformer.report.browsers import BrowserTrack, entry_of

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT = {page: page.read_text(encoding="utf-8") for page in PAGES}
DEMO = ROOT / "tests/data/demo"
SCHEMA = json.loads((ROOT / "nextflow_schema.json").read_text())
PARAMETERS = {
    name: entry for group in SCHEMA["$defs"].values() for name, entry in group["properties"].items()
}
RUN_OPTIONS = {"-profile", "-params-file", "-c", "-resume", "-work-dir", "-ansi-log"}
ASSIGNED = re.compile(r"[A-Z_]+=")
# programs that a block may name besides our own; what they are given is not ours to check
OTHER_PROGRAMS = {
    "awk",
    "hashFrag",
    "seqleak",
    ".venv/bin/python",
    "apptainer",
    "bgzip",
    "ch-convert",
    "cd",
    "cut",
    "docker",
    "git",
    "gunzip",
    "mkdir",
    "multiqc",
    "pip",
    "samtools",
    "sha256sum",
}


def blocks(page: Path, language: str = "bash") -> list[tuple[str, bool]]:
    """Fenced blocks of a page, and whether a comment before says that it is not run."""
    pattern = rf"(<!-- not run: [^\n]+-->\n+)?^```{language}\n(.*?)^```"
    found = re.finditer(pattern, TEXT[page], re.MULTILINE | re.DOTALL)
    return [(match[2], bool(match[1])) for match in found]


def commands(block: str) -> list[list[str]]:
    """Words of each command of a block; comments and continuations are taken care of."""
    lines = block.replace("\\\n", " ").splitlines()
    split = (shlex.split(line, comments=True) for line in lines)
    # variables may be set before a command
    return [words for line in split if (words := [*dropwhile(ASSIGNED.match, line)])]


def ours(words: list[str]) -> bool:
    return words[0].rsplit("/", 1)[-1] == "seformer"


ALL = [(page, words) for page in PAGES for block, _ in blocks(page) for words in commands(block)]


def named(case: tuple[Path, list[str]]) -> str:
    return f"{case[0].name}: {' '.join(case[1])[:60]}"


@functools.cache
def click_commands():
    return typer.main.get_command(cli.build_app()).commands


# ------------------------------------------------------------------------- commands


@pytest.mark.parametrize("case", ALL, ids=named)
def test_every_command_exists_and_takes_its_options(case):
    words = case[1]
    if ours(words):
        parse(words[1:])
    elif words[0] == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= set(targets)
    elif words[1:2] == ["run"] and words[0] in ("nextflow", "scripts/nextflow.sh"):
        check_run(words)
    elif words[0].startswith("scripts/"):
        assert (ROOT / words[0]).stat().st_mode & 0o111
    else:
        assert words[0] in OTHER_PROGRAMS, f"what is {words[0]}?"
    for word in words:
        if re.match(r"(containers|tests|scripts|docs)/", word):
            assert (ROOT / word.split("::")[0]).exists(), word


def parse(words: list[str]) -> None:
    """Let the command line parse the words, without running anything."""
    command, name = click_commands()[words[0]], words[0]
    words = words[1:]
    if words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    command.make_context(name, words)


def check_run(words: list[str]) -> None:
    """Check a run of the pipeline: options of Nextflow, parameters, their values, profiles."""
    assert words[2] == "."
    profiles = re.findall(r"^    (\w+) *\{", (ROOT / "nextflow.config").read_text(), re.MULTILINE)
    given = {}
    for word, following in zip(words[3:], [*words[4:], "--"], strict=True):
        if word.startswith("--") and "=" in word:
            given |= [word[2:].split("=", 1)]
        elif word.startswith("--"):
            value = True if following.startswith("-") else following
            given[word[2:]] = value
        elif word.startswith("-"):
            assert word in RUN_OPTIONS, word
            if word == "-profile":
                assert set(following.split(",")) <= set(profiles), following
    assert given.keys() <= PARAMETERS.keys()
    for name, value in given.items():
        entry = PARAMETERS[name]
        types = entry["type"] if isinstance(entry["type"], list) else [entry["type"]]
        assert (value is True) == ("boolean" in types and value is True), f"--{name} lacks a value"
        if value is True:
            continue
        assert value in entry.get("enum", [value]), f"--{name} {value}"
        assert re.search(entry.get("pattern", ""), value), f"--{name} {value}"
        if "integer" in types:
            int(value)
    if "-params-file" not in words and "help" not in given:
        assert {"outdir"} <= given.keys() or "test" in words[words.index("-profile") + 1]
        assert {"fasta", "genome"} & given.keys()
        assert len({"input", "trained_model"} & given.keys()) == 1


def small_demo(folder: Path) -> Path:
    """The demo's files with a third of the regions: enough for every step, a third of the time."""
    shutil.copytree(DEMO, folder, dirs_exist_ok=True)
    lines = (DEMO / "to_score.bed").read_text().splitlines(keepends=True)[::2]
    (folder / "to_score.bed").write_text("".join(lines))
    # the regions to score keep their labels: they are judged as well
    scored = [line.split()[:3] for line in lines]
    for name in ("super_enhancers.bed", "typical_enhancers.bed"):
        lines = (DEMO / name).read_text().splitlines(keepends=True)
        kept = [row for i, row in enumerate(lines) if i % 3 == 0 or row.split()[:3] in scored]
        (folder / name).write_text("".join(kept))
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder as the examples have it: genome and region files."""
    folder = small_demo(tmp_path_factory.mktemp("docs"))
    lines = (DEMO / "to_explain.bed").read_text().splitlines(keepends=True)
    (folder / "to_explain.bed").write_text(lines[2])
    return folder


def test_commands_of_the_usage_page_run_as_they_stand(place, monkeypatch, capfd):
    monkeypatch.chdir(place)
    page = ROOT / "docs/usage.md"
    number = 0
    for block, skipped in blocks(page):
        for words in commands(block):
            if not ours(words) or skipped:
                continue
            # one thread: the machine may be busy with other tests
            threads = any("--threads" in p.opts for p in click_commands()[words[1]].params)
            with pytest.raises(SystemExit) as stopped:
                cli.main([*words[1:], *(["--threads", "1"] if threads else [])])
            assert stopped.value.code == 0, " ".join(words) + capfd.readouterr().err
            number += 1
    assert number >= 9
    for made in (
        "project/params.yml",
        "results/K562/model/seformer.json",
        "results/K562/metrics.json",
        "scored/predictions.bed",
        "explained/attributions.bw",
    ):
        assert (place / made).is_file()


def test_commands_that_are_not_run_say_why():
    """Outside the usage page: what is ours is run there, with the same options, or excused."""

    def form(words: list[str]) -> tuple[str, frozenset[str]]:
        return words[1], frozenset(word for word in words if word.startswith("-"))

    run = {form(words) for page, words in ALL if page.name == "usage.md" and ours(words)}
    for page in PAGES:
        for block, skipped in blocks(page):
            for words in filter(ours, commands(block)):
                assert skipped or form(words) in run, f"{page.name}: {words}"


def test_python_of_the_usage_page_runs(place, monkeypatch):
    if not (place / "results/K562/model").is_dir():
        pytest.skip("needs the model that the commands train")
    monkeypatch.chdir(place)
    ((block, _),) = blocks(ROOT / "docs/usage.md", "python")
    # two regions are explained: fewer steps are as good for this
    block = block.replace(
        '"genome.fa.gz")\nexplained.loc', '"genome.fa.gz", references=1)\nexplained.loc'
    )
    names = {}
    exec(compile(block, "usage.md", "exec"), names)
    assert len(names["explained"]) == 2
    assert names["explained"]["attributions"].notna().all()


def test_notebook_runs(tmp_path):
    """In a process of its own, as Jupyter would; on fewer regions than its results are of."""
    small_demo(tmp_path / "tests/data/demo")
    (tmp_path / "docs").mkdir()
    notebook = shutil.copy(ROOT / "docs/notebook.ipynb", tmp_path / "docs")
    script = [sys.executable, ROOT / "scripts/run_notebook.py", "--check", notebook]
    done = subprocess.run(script, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_region_examples_are_read_as_the_page_says(tmp_path):
    from seformer.regions.detect import Role, recognise_regions

    text = TEXT[ROOT / "docs/usage.md"]
    wanted = {
        "Two BED files": Role.score,
        "A labelled BED": Role.labelled,
        "DeepSE's CSV": Role.super,  # one row in the example
        "ROSE's table": Role.labelled,
        "dbSUPER and SEdb": Role.super,
    }
    for heading, role in wanted.items():
        example = re.search(rf"^### {heading}\n.*?^```text\n(.*?)^```", text, re.M | re.S)[1]
        path = tmp_path / "example.txt"
        path.write_text(example)
        assert recognise_regions(path).role is role, heading


def hub_stanza(text: str) -> dict[str, str]:
    """Settings of a file of a track hub: a word and its value a line."""
    return dict(line.split(" ", 1) for line in text.splitlines() if line.strip())


def test_tracks_of_the_browser_page():
    """A track as the report writes it, and files that a run writes."""
    page = ROOT / "docs/browser.md"
    ((block, _),) = blocks(page, "text")
    place = "K562/attributions/favourites.bw"
    track = BrowserTrack("attributions", "K562", "favourites", place, None)
    assert hub_stanza(block) == entry_of(track, Path(), {})
    ((configuration, _),) = blocks(page, "json")
    tracks = json.loads(configuration)["tracks"]
    places = [one["url"] for one in tracks]
    described = mentioned_paths()
    for place in places:
        general = place.replace("results/K562", "SAMPLE").replace("favourites", "BED")
        # of motifs the folder is described
        assert {general, general.replace("seqlets.bed", "")} & described, place


def mentioned_paths() -> set[str]:
    """Paths of the first table of the output page; names after a comma share the folder."""
    paths = set()
    for cell in re.findall(r"^\| (`.+?`) \| ", TEXT[ROOT / "docs/output.md"], re.MULTILINE):
        first, *others = re.findall(r"`([^`]+)`", cell)
        paths |= {first, *(f"{first.rsplit('/', 1)[0]}/{other}" for other in others)}
    return paths


# ------------------------------------------------------------------------- agreement


def test_baselines_are_named_as_they_are():
    script = [sys.executable, ROOT / "scripts/doc_tables.py", "--check"]
    assert subprocess.run(script, check=False).returncode == 0, "run scripts/doc_tables.py"


def code_text() -> str:
    files = [
        *ROOT.glob("bin/seformer/**/*.py"),
        *ROOT.glob("lib/*.groovy"),
        *ROOT.glob("scripts/*.sh"),
        *ROOT.glob("assets/*.json"),
    ]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(files))
    # adjacent literals are one text
    return re.sub(r'"\s*\n\s*f?"', "", text).replace("\\'", "'")


def test_messages_still_exist():
    code = code_text()
    text = TEXT[ROOT / "docs/troubleshooting.md"].split("## No error, but")[0]
    rows = re.findall(r"^\| (`.+?) \| ", text, re.MULTILINE)
    assert len(rows) > 60
    for row in rows:
        for message in re.findall(r"`([^`]+)`", row):
            for fragment in message.split("…"):
                assert fragment.strip() in code, f"no message says: {message}"


def mentioned(heading: str, page: str = "output.md") -> set[str]:
    """Words in backticks under a heading."""
    text = TEXT[ROOT / "docs" / page]
    part = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)[1]
    return set(re.findall(r"`([^`]+)`", part))


def test_columns_are_described():
    from seformer.evaluation import metrics
    from seformer.evaluation.baselines import BASELINES
    from seformer.evaluation.compare import CONTAINMENT
    from seformer.explain import completeness, dissected
    from seformer.explain import folder as explained
    from seformer.motifs import modisco
    from seformer.regions import call_files, call_record, nearby_genes
    from seformer.regions import folder as extracted
    from seformer.scoring import alleles, merge, variant_files, variant_table
    from seformer.splits import split
    from seformer.training import common
    from seformer.util.labels import DROP_REASONS

    regions = {*extracted.COLUMNS, "cluster", "split", *DROP_REASONS}
    assert regions <= mentioned("regions.tsv")
    assert set(split.SPLIT_COLUMNS) <= mentioned("splits.tsv")
    assert set(nearby_genes.GENE_COLUMNS) <= mentioned("Genes")
    assert {*call_files.OWN_FILES, *call_record.Choice.__annotations__} <= mentioned("Calls")
    assert set(common.HISTORY_COLUMNS) <= mentioned("history.tsv")
    assert {*metrics.METRICS, *BASELINES} <= mentioned("metrics.json")
    assert {*merge.SCORE_COLUMNS, merge.SET} <= mentioned("Predictions")
    assert {*explained.REGION_COLUMNS, *explained.RESULT_COLUMNS} <= mentioned("Attributions")
    assert set(explained.WINDOW_COLUMNS) <= mentioned("Attributions")
    flags = {completeness.SMALL, completeness.INCOMPLETE, completeness.NOT_COVERED}
    flags |= {completeness.INCOMPLETE_WINDOW, explained.OVERLAPPING}
    assert flags <= mentioned("Attributions")
    assert {*dissected.COLUMNS, *dissected.PAIR_COLUMNS} <= mentioned("Dissections")
    flags = {dissected.CLIPPED, dissected.OVERLAPS, dissected.TOO_FEW_BASES, dissected.NO_ROOM}
    assert {*dissected.OWN_FILES, *flags} <= mentioned("Dissections")
    written = {*variant_files.COLUMNS, *variant_files.NULL_COLUMNS, *variant_files.MOTIF_COLUMNS}
    named = {**vars(alleles), **vars(variant_table)}
    statuses = {named[name] for name in named if name.isupper() and isinstance(named[name], str)}
    statuses = {value for value in statuses if re.fullmatch("[a-z_]+", value)}
    assert written | statuses <= mentioned("Variants")
    assert set(modisco.PATTERN_COLUMNS) <= mentioned("Motifs found anew")
    # read, not imported: motifs needs an extra
    source = (ROOT / "bin/seformer/motifs/seqlets.py").read_text()
    columns = re.search(r"^MOTIF_COLUMNS = \((.*?)^\)", source, re.M | re.S)[1]
    assert set(re.findall(r'"(\w+)"', columns)) <= mentioned("Motifs")
    assert CONTAINMENT in mentioned("test_predictions.tsv")


def test_files_of_a_run_are_as_described(place):
    """The header of each table that the commands of the usage page wrote."""
    if not (place / "results/K562/metrics.json").is_file():
        pytest.skip("needs the results of the commands")
    tables = {
        "regions.tsv": "stages/splits/K562/regions.tsv",
        "splits.tsv": "stages/splits/K562/splits.tsv",
        "history.tsv": "stages/head/history.tsv",
        "test_predictions.tsv": "results/K562/test_predictions.tsv",
        "Attributions": "explained/attributions.tsv",
    }
    for heading, path in tables.items():
        header = (place / path).read_text().split("\n", 1)[0].split("\t")
        assert set(header) <= mentioned(heading), heading
    measured = json.loads((place / "results/K562/metrics.json").read_text())
    described = mentioned("metrics.json") | {"sample"}
    assert set(measured) <= described
    assert set(measured["test"]["baselines"]) <= described
    own = ("delta", "unlike_training", "similarity_bins", "probabilities", "conformal")
    assert {f"test.{name}" for name in own} <= described
    audit = json.loads((place / "stages/splits/audit.json").read_text())
    text = TEXT[ROOT / "docs/output.md"].split("## audit.json")[1].split("\n## ")[0]
    entries = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", text, re.M)))
    assert {*audit, "folds", "grey_zone"} == set(entries)
    assert set(json.loads((place / "results/K562/curves.json").read_text())["test"]) <= mentioned(
        "curves.json"
    )
    model = {path.name for path in (place / "results/K562/model").iterdir()}
    assert model <= mentioned("The model folder")


def test_figures_of_the_methods_are_those_of_the_code():
    from seformer.evaluation import metrics
    from seformer.evaluation.baselines import base
    from seformer.evaluation.compare import UNLIKE_TRAINING
    from seformer.explain import faithfulness
    from seformer.explain.attribute import FIRST_STEPS
    from seformer.explain.completeness import SMALL_DIFFERENCE
    from seformer.explain.settings import ExplainSettings
    from seformer.genome.bam import LEFT_OUT
    from seformer.model.calibration import CALIBRATIONS
    from seformer.motifs.settings import ModiscoSettings
    from seformer.regions import extract, stitch
    from seformer.sequence import homology
    from seformer.sequence.composition import KMER_SIZES
    from seformer.splits import assign, clusters
    from seformer.training import optimise
    from seformer.training.common import recommended_rates

    text = " ".join(TEXT[ROOT / "docs/methods.md"].split())
    defaults = {name: entry.get("default") for name, entry in PARAMETERS.items()}
    how, cut = ExplainSettings(), ModiscoSettings()
    tiny, gena = recommended_rates("tiny"), recommended_rates("gena-lm-bert-base-t2t")
    assert assign.MOST_TOGETHER == 3 and assign.DEFAULT_TEST == ("chr7", "chr10")
    assert "temperature" in CALIBRATIONS
    for part in (
        f"shorter than {extract.MIN_LENGTH} bp",
        f"wholly inside ± {defaults['tss_exclusion']:,} bp of a transcription start site",
        f"at most {defaults['stitch']:,} bp apart",
        f"(± {stitch.TOUCH} bp) of more than {stitch.MOST_GENES} genes",
        f"each made {defaults['extend_reads']} bp longer",
        f"(flags {LEFT_OUT:#x})",
        f"share {100 * homology.SHARE:.0f} % of the distinct canonical k-mers of the one that has "
        f"fewer, and {homology.LEAST} k-mers at least",
        f"smallest k from {homology.SHORTEST} to {homology.LONGEST} with four canonical",
        f"K-mers in more than {homology.MOST_REGIONS} regions",
        f"more than {homology.MAX_KMERS // 10**6} million bases a sample",
        f"({100 * defaults['test_fraction']:.0f} % test",
        f"{100 * defaults['validation_fraction']:.0f} % validation)",
        f"within {clusters.CLUSTER_GAP // 1000} kb of each other",
        f"learning rate {tiny.head:g}, weight decay {optimise.WEIGHT_DECAY:g}",
        f"at most {defaults['head_epochs']} epochs; it ended after {defaults['head_patience']}",
        f"dropout {defaults['dropout']:g}",
        f"{tiny.full:g} for `tiny`, {gena.full:g} for GENA-LM",
        f"the first {100 * defaults['warmup']:.0f} % of the steps",
        f"clipped at {optimise.MAX_GRADIENT_NORM:g}",
        f"Batches held {defaults['batch_size']} regions",
        f"at most {defaults['max_windows']} randomly chosen windows",
        f"after {defaults['epochs']} epochs, or {defaults['patience']} without",
        f"(at most {base.MOST_TREES})",
        f"k ({KMER_SIZES[0]} to {KMER_SIZES[-1]})",
        f"({metrics.ECE_BINS} bins of equal width",
        f"{defaults['bootstrap']:,} bootstrap resamples",
        f"containment of at most {100 * UNLIKE_TRAINING:.0f} %",
        f"were {how.references} dinucleotide shuffles",
        f"doubled from {FIRST_STEPS} up to {how.max_steps}",
        f"by at most {100 * how.completeness:.0f} % of it",
        f"difference is below {SMALL_DIFFERENCE:g}",
        f"measured on {how.faithfulness_regions} regions",
        f"at most {faithfulness.LONG // 1000} kb long",
        f"means over {faithfulness.DRAWS} draws",
        f"at {faithfulness.POSITIONS} positions",
        f"up to {cut.windows} windows of {cut.width} bp",
    ):
        assert part in text, part


# ------------------------------------------------------------------------- links and words


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", TEXT[page], flags=re.S), re.M)
    return {
        re.sub(r"[^\w\- ]", "", h.replace("`", "")).strip().lower().replace(" ", "-")
        for h in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", TEXT[page], flags=re.S)
    assert "![](" not in text, "a picture without words for those who do not see it"
    for target in re.findall(r"\[[^\]]+\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target} is not there"
        assert found.suffix != ".svg" or "<title" in found.read_text(), f"{target} has no title"
        if anchor and found in TEXT:
            assert anchor in anchors(found), target


def test_every_page_is_reached_from_the_readme():
    reached, waiting = set(), [PAGES[0]]
    while waiting:
        page = waiting.pop()
        if page not in reached and page in TEXT:
            reached.add(page)
            links = re.findall(r"\]\(([^)\s#]+\.md)", TEXT[page])
            waiting += [(page.parent / link).resolve() for link in links if "://" not in link]
    assert reached == set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_this_machine(page):
    assert not re.search(r"/(work|tmp|home|root)/|shared/data|localhost", TEXT[page])
