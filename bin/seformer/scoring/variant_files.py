"""Results of variants: the table, the VCF with its index, the null, and what is counted."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from seformer.genome.genome import Genome
from seformer.scoring.alleles import SCORED, Allele, Span
from seformer.scoring.settings import SIGNIFICANT, VariantPlanSettings
from seformer.scoring.variant_null import Compared, compare, kind_name, quantiles_in
from seformer.scoring.variant_plan import Plan
from seformer.scoring.vcf import write_vcf
from seformer.util.records import write_json
from seformer.util.tables import write_tsv

logger = logging.getLogger(__name__)
TABLE_FILE, VCF_FILE, NULL_FILE = "variants.tsv", "variants.vcf.gz", "null.tsv"
SUMMARY_FILE = "summary.json"
# one index or the other is written; an earlier run's must not lie beside the new one
OWN_FILES = (TABLE_FILE, VCF_FILE, f"{VCF_FILE}.tbi", f"{VCF_FILE}.csi", SUMMARY_FILE)
COLUMNS = (
    "chrom",
    "position",
    "id",
    "reference",
    "alternative",
    "region_start",
    "region_end",
    "region_name",
    "reference_logit",
    "alternative_logit",
    "difference",
    "status",
)
NULL_COLUMNS = (
    "substitution",
    "p",
    "q",
    "null",
    "null_size",
    "active_allele",
    "active_allele_quantile",
)
MOTIF_COLUMNS = ("motif_gained", "motif_lost")
INFO = (
    ("SEF_REF", "1", "Float", "Logit margin (SE - TE) of the region as in the genome"),
    ("SEF_ALT", "A", "Float", "Logit margin of the region with the alternative allele"),
    ("SEF_DIFF", "A", "Float", "SEF_ALT minus SEF_REF"),
    ("SEF_P", "A", "Float", "Empirical p of |SEF_DIFF| among random substitutions"),
    ("SEF_Q", "A", "Float", "SEF_P as false discovery rate (Benjamini-Hochberg)"),
    ("SEF_REGION", "1", "String", "The region scored, chrom:start-end, 0-based half-open"),
    ("SEF_STATUS", "A", "String", "scored, or why the allele has no score"),
)
MOTIF_INFO = (
    ("SEF_GAINED", "A", "String", "Motifs that the allele makes, separated by |"),
    ("SEF_LOST", "A", "String", "Motifs that the allele breaks, separated by |"),
)
QUANTILES = 100
# what stands for something else in INFO (VCF 4.3, 1.2)
_RESERVED = re.compile(r"[\s:;=%,|]")


class MotifChanges(Protocol):
    """Says which motifs an allele makes or breaks; ``flank`` bases are wanted on either side."""

    flank: int

    def __call__(
        self, alleles: Sequence[tuple[str, str, str, str]]
    ) -> list[tuple[list[str], list[str]]]:
        """Motifs gained and lost of each (bases before, reference, alternative, bases behind)."""


class ScoredAllele(NamedTuple):
    """An allele in one region; ``row`` of the scores, None and no region where the status says why.

    Attributes
    ----------
    number
        Of the allele in the plan.
    """

    number: int
    allele: Allele
    span: Span | None
    row: int | None
    status: str


def write_scored_variants(
    plan: Plan,
    scores: np.ndarray,
    genome: Genome,
    out: Path,
    settings: VariantPlanSettings,
    motifs: MotifChanges | None = None,
    model: dict[str, Any] | None = None,
) -> None:
    """Write all results of scored variants into a folder.

    Parameters
    ----------
    scores
        float64 ``[edits, 2]`` in the order of ``plan.blocks()``, see
        `seformer.scoring.variants.score_blocks`.
    model
        What they were scored with, see `ModelSettings.as_used`, if it is known.
    """
    scored, null_rows = _sorted_out(plan)
    null = tabulate_null(plan, scores[null_rows])
    table, compared = tabulate(plan, scored, scores, null)
    changes = None
    if motifs is not None:
        changes = _motif_changes(scored, genome, motifs)
        for column, side in zip(MOTIF_COLUMNS, (0, 1), strict=True):
            table[column] = ["; ".join(change[side]) for change in changes]
    write_tsv(table, out / TABLE_FILE)
    write_tsv(null, out / NULL_FILE)
    # of several regions that hold an allele the first counts: the last that is put in
    first = {(s.allele.record, s.allele.index): row for row, s in reversed([*enumerate(scored)])}
    entries = []
    for number, record in enumerate(plan.records):
        rows = [first[number, index] for index in range(len(record.alternatives))]
        entries.append(_annotate(rows, scored, table, changes))
    fields = INFO if motifs is None else (*INFO, *MOTIF_INFO)
    earlier = [name for name, *_ in (*INFO, *MOTIF_INFO)]
    ordered = write_vcf(out / VCF_FILE, plan.header, plan.records, fields, entries, earlier)
    statuses = Counter(scored[row].status for row in first.values())
    summary = {
        "read_as": plan.read_as,
        "records": len(plan.records),
        "alleles": len(plan.alleles),
        "status": dict(sorted(statuses.items())),
        "unreadable": plan.unreadable,
        "unmatched_chromosomes": plan.unmatched,
        "sorted": ordered,
        **({} if model is None else {"model": model}),
        **_count_tests(table, compared, null, settings),
    }
    if changes is not None:
        sides = zip(("gained", "lost"), (0, 1), strict=True)
        summary["motifs"] = {name: sum(bool(change[i]) for change in changes) for name, i in sides}
    write_json(summary, out / SUMMARY_FILE)
    _log(summary)


def _sorted_out(plan: Plan) -> tuple[list[ScoredAllele], list[int]]:
    """Return alleles with the row of their scores, in their order, and the rows of the null.

    Several of an allele in several regions, in the order of these.
    """
    results = [
        (number, ScoredAllele(number, allele, None, None, status))
        for number, (allele, status) in enumerate(zip(plan.alleles, plan.statuses, strict=True))
        if status
    ]
    row, null_rows = 0, []
    for span, numbers in plan.homes.items():
        for number in numbers:
            allele = plan.alleles[number]
            results.append((number, ScoredAllele(number, allele, span, row, SCORED)))
            row += 1
        size = len(plan.null.get(span, ()))
        null_rows += range(row, row + size)
        row += size
    # Python's sort is stable, so the regions of an allele stay in their order
    return [scored for _, scored in sorted(results, key=lambda pair: pair[0])], null_rows


def tabulate_null(plan: Plan, scores: np.ndarray) -> pd.DataFrame:
    """One row per substitution of the null: its place, kind, region, logits and difference."""
    draws = [draw for span in plan.homes for draw in plan.null.get(span, ())]
    return pd.DataFrame(
        {
            "chrom": [draw.span.chrom for draw in draws],
            "position": [draw.position + 1 for draw in draws],
            "reference": [draw.reference for draw in draws],
            "alternative": [draw.alternative for draw in draws],
            "substitution": [kind_name(draw.kind) for draw in draws],
            "region_start": [draw.span.start for draw in draws],
            "region_end": [draw.span.end for draw in draws],
            "reference_logit": scores[:, 0],
            "alternative_logit": scores[:, 1],
            "difference": scores[:, 1] - scores[:, 0],
        }
    )


def tabulate(
    plan: Plan, scored: Sequence[ScoredAllele], scores: np.ndarray, null: pd.DataFrame
) -> tuple[pd.DataFrame, Compared]:
    """One row per allele and region, columns `COLUMNS` and `NULL_COLUMNS`.

    ``position`` is 1-based as in VCF.
    """
    rows = []
    for _, allele, span, row, status in scored:
        record, region = plan.records[allele.record], span[1:] if span else (pd.NA, pd.NA, None)
        place = (record.chrom, allele.start + 1, record.id, allele.reference, allele.alternative)
        before, after = (math.nan, math.nan) if row is None else scores[row]
        rows.append((*place, *region, before, after, after - before, status))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = table.astype({"region_start": "Int64", "region_end": "Int64"})
    logits = table[["reference_logit", "alternative_logit"]].to_numpy(float)
    kinds = plan.kinds[[s.number for s in scored]] if scored else np.empty(0, np.int64)
    effects = table["difference"].to_numpy(float)
    tested = np.array([s.allele.substitution for s in scored], bool)
    null_kinds = np.array([d.kind for span in plan.homes for d in plan.null.get(span, ())], int)
    compared = compare(effects, kinds, tested, null["difference"].to_numpy(float), null_kinds)
    highest = null[["reference_logit", "alternative_logit"]].max(axis=1).to_numpy(float)
    active = np.select([effects > 0, effects < 0], ["alternative", "reference"], "")
    table = table.assign(
        substitution=[kind_name(kind) for kind in kinds],
        p=compared.p,
        q=compared.q,
        null=compared.null,
        null_size=pd.array(compared.size, "Int64"),
        active_allele=active,
        active_allele_quantile=quantiles_in(logits.max(axis=1, initial=-np.inf), highest),
    )
    return table.assign(null_size=table["null_size"].where(compared.size > 0)), compared


def _motif_changes(
    scored: Sequence[ScoredAllele], genome: Genome, motifs: MotifChanges
) -> list[tuple[list[str], list[str]]]:
    """Motifs that each allele makes and breaks; none of alleles without a score."""
    rows, around = [], []
    for row, (_, allele, span, *_) in enumerate(scored):
        if span is not None:
            first = max(allele.start - motifs.flank, 0)
            last = min(allele.end + motifs.flank, genome.chromosomes[allele.chrom])
            before = genome.fetch(allele.chrom, first, allele.start)
            behind = genome.fetch(allele.chrom, allele.end, last)
            rows.append(row)
            around.append((before, allele.reference, allele.alternative, behind))
    changes: list[tuple[list[str], list[str]]] = [([], []) for _ in scored]
    for row, change in zip(rows, motifs(around), strict=True):
        changes[row] = change
    return changes


def _annotate(
    rows: Sequence[int],
    scored: Sequence[ScoredAllele],
    table: pd.DataFrame,
    changes: Sequence[tuple[list[str], list[str]]] | None,
) -> list[str]:
    """What INFO says of a record with the alleles of these rows, none to all of them scored.

    All alleles of a record replace the same bases, so they have the same region.
    """
    if not rows:
        return []
    entries, here = [], [scored[row] for row in rows]
    region = next((s.span for s in here if s.span is not None), None)
    if region is not None:
        columns = {"SEF_ALT": "alternative_logit", "SEF_DIFF": "difference"}
        if np.isfinite(table["p"].to_numpy()[rows]).any():
            columns |= {"SEF_P": "p", "SEF_Q": "q"}
        reference = next(table["reference_logit"].iat[s] for s in rows if scored[s].span)
        entries = [
            f"SEF_REF={reference:.7g}",
            *(
                f"{name}={','.join(_number(table[column].iat[row]) for row in rows)}"
                for name, column in columns.items()
            ),
            f"SEF_REGION={region.chrom}:{region.start}-{region.end}",
        ]
    for name, side in (("SEF_GAINED", 0), ("SEF_LOST", 1)):
        if changes is not None and any(changes[row][side] for row in rows):
            cells = ["|".join(map(_escaped, changes[row][side])) or "." for row in rows]
            entries.append(f"{name}={','.join(cells)}")
    return [*entries, "SEF_STATUS=" + ",".join(s.status for s in here)]


def _escaped(name: str) -> str:
    return _RESERVED.sub(lambda found: f"%{ord(found[0]):02X}", name)


def _number(value: float) -> str:
    return "." if math.isnan(value) else f"{value:.7g}"


def _count_tests(
    table: pd.DataFrame, compared: Compared, null: pd.DataFrame, settings: VariantPlanSettings
) -> dict:
    """Count tests and nulls; the null's effects are kept as quantiles, for the report."""
    tested = np.isfinite(compared.p)
    scored = table["status"] == SCORED
    sizes = null["difference"].abs().to_numpy(float)
    steps = np.linspace(0, 1, QUANTILES + 1)
    return {
        "tested": int(tested.sum()),
        "untested": int((scored & ~tested).sum()),
        "significant": int((table["q"] < SIGNIFICANT).sum()),
        "null": {
            "asked": settings.null,
            "drawn": len(null),
            "seed": settings.seed,
            "of": dict(sorted(Counter(name for name in compared.null if name).items())),
            "quantiles": np.quantile(sizes, steps).tolist() if len(null) else [],
        },
    }


def _log(summary: dict) -> None:
    counts = ", ".join(f"{n} {status}" for status, n in summary["status"].items())
    logger.info(
        "%d records, %d alleles: %s", summary["records"], summary["alleles"], counts or "none"
    )
    if lost := summary["unreadable"]:
        reasons = ", ".join(f"{n} {reason}" for reason, n in lost.items())
        logger.warning("rows of the table that name no single place are left out: %s", reasons)
    if summary["sorted"]:
        logger.info("the records were not in order; variants.vcf.gz is sorted, so as to be indexed")
    null = summary["null"]
    if null["drawn"] < null["asked"] and summary["tested"]:
        logger.info(
            "the regions hold %d of the %d random substitutions asked for",
            null["drawn"],
            null["asked"],
        )
    if null["drawn"]:
        logger.info(
            "%d differences compared with %d random substitutions, %d with q below %s; %d are no "
            "substitutions and have no p",
            summary["tested"],
            null["drawn"],
            summary["significant"],
            SIGNIFICANT,
            summary["untested"],
        )
    elif null["asked"] and summary["untested"]:
        logger.info("no p: no variant is a substitution, or its regions hold no other one")
