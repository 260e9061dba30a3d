"""Put the page together: sections in order, MultiQC's configuration, versions."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

import seformer
from seformer.explain.tracks import genome_sizes
from seformer.report import browsers
from seformer.report.collect import collect
from seformer.report.content import PARENTS, TEXTS, Section, read_toml, write_section
from seformer.report.results import Results
from seformer.report.settings import ReportSettings
from seformer.util import records, shapes
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError
from seformer.util.markup import escape, plain
from seformer.util.records import read_object
from seformer.util.settings import takes
from seformer.util.text import open_text, small_file

logger = logging.getLogger(__name__)
CONFIG_FILE = "multiqc_config.yml"
VERSIONS_FILE = "seformer_mqc_versions.yml"


@takes(ReportSettings)
def write_report(
    folders: Sequence[Path],
    out: Path,
    settings: ReportSettings,
    *,
    parameters: Path | None = None,
    versions: Path | None = None,
    run: Path | None = None,
    fasta: Path | None = None,
    chrom_sizes: Path | None = None,
    published: Path | None = None,
) -> None:
    """Write MultiQC content for the results below ``folders``; see `seformer.report`.

    Parameters
    ----------
    run
        A JSON object whose texts stand in the header, such as ``{"Command": …}``.
    fasta, chrom_sizes
        Genome of the results, or the lengths of its chromosomes, for genome browsers.
    published
        A JSON object: the results will lie beside the hub and the session as the pipeline publishes
        them; see `report.browsers.Published`.

    Raises
    ------
    UserError
        If nothing is found or a file is damaged.
    """
    require_writable(out)
    sizes = genome_sizes(fasta, chrom_sizes)
    places = None if published is None else read_publishing(published)
    results = collect([Path(folder) for folder in folders])
    if parameters is not None:
        results.parameters = read_object(parameters)
    header = head_of(results.parameters, read_object(run) if run is not None else {})
    sections = draw_sections(results)
    own = ["[0-9][0-9]_*_mqc.json", VERSIONS_FILE, *browsers.OWN_FILES]
    with output_folder(out, own=own) as staging:
        for order, section in enumerate(sections):
            write_section(section, order, staging)
        # JSON is YAML
        text = json.dumps(_configure(sections, settings.title, header), indent=2) + "\n"
        (staging / CONFIG_FILE).write_text(text, encoding="utf-8")
        if versions is not None:
            text = yaml.safe_dump(read_versions(versions), sort_keys=False, allow_unicode=True)
            (staging / VERSIONS_FILE).write_text(text, encoding="utf-8")
        browsers.write_browser_files(results, staging, out, sizes, fasta=fasta, published=places)
    logger.info(
        "%d sections on %d samples; now: multiqc --config %s %s",
        len(sections),
        len(results.samples),
        out / CONFIG_FILE,
        out,
    )


def read_publishing(path: Path) -> browsers.Published:
    """Read where the pipeline publishes what.

    Raises
    ------
    UserError
        If it is not JSON of this form.
    """
    record = records.read(path, shapes.Places, "give what the pipeline gives")
    return browsers.Published(record["names"], record["genome"])


def read_versions(path: Path) -> dict[str, list[str]]:
    """Read the versions of software, given by process, as versions by program.

    MultiQC puts them into the page as they are.

    Raises
    ------
    UserError
        If it is not YAML of two levels.
    """
    with open_text(small_file(path)) as text:
        try:
            # every value stays text: version 1.10 is not 1.1
            content = yaml.BaseLoader(text).get_single_data()
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise UserError(f"the file is not YAML ({error})", where=path) from error
    levels = TypeAdapter(dict[str, dict[str, str]])
    try:
        content = levels.validate_python(content)
    except ValidationError as error:
        raise UserError(
            "the file does not hold versions of software",
            where=path,
            expected="processes, and for each of them software and its version",
        ) from error
    # one row a program: that all processes had the same one needs no row of each
    programs: dict[str, dict[str, None]] = {}
    for used in content.values():
        for name, version in used.items():
            programs.setdefault(plain(name), {})[plain(version)] = None
    return {name: [*versions] for name, versions in programs.items()}


def draw_sections(results: Results) -> list[Section]:
    """Make every section that the results have something for, in the order of the page."""
    modules = [import_module(f"seformer.report.sections.{name}") for name in TEXTS["order"]]
    return [section for module in modules for section in module.sections(results)]


def head_of(parameters: Mapping[str, Any], run: Mapping[str, Any]) -> list[dict[str, str]]:
    """What stands in the page's header: version, genome, ``run``, where the documentation is."""
    groups = [parameters, *(group for group in parameters.values() if isinstance(group, Mapping))]
    genomes = (group.get(name) for name in ("fasta", "genome") for group in groups)
    genome = next((Path(str(name)).name for name in genomes if name), None)
    entries = {
        "Version": f"seformer {seformer.__version__}",
        "Genome": genome,
        **run,
        "Places": TEXTS["header"]["places"],
        "Help": TEXTS["header"]["help"],
    }
    return [{plain(key): escape(value)} for key, value in entries.items() if value]


def _configure(
    sections: Sequence[Section], title: str, header: list[dict[str, str]]
) -> dict[str, Any]:
    """Configure MultiQC: its settings in ``multiqc.toml``, with the order of these sections."""
    parents = [f"seformer-{parent}" for parent in PARENTS]
    # higher comes first
    places = {parent: 10_000 - 100 * place for place, parent in enumerate(parents)}
    places |= {f"seformer_{section.id}": 10 * place for place, section in enumerate(sections)}
    places["multiqc_software_versions"] = 10_000 - 100 * len(PARENTS) + 150
    return read_toml("multiqc.toml") | {
        "title": plain(title),
        "report_header_info": header,
        "custom_content": {"order": parents},
        "report_section_order": {name: {"order": place} for name, place in places.items()},
    }
