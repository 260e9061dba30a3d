"""Settings of the search for motifs in attributions."""

from __future__ import annotations

from seformer.util.settings import SEED, Settings, setting

THREADS = setting(1, "CPU threads.", ge=1, le=1024)


class MotifSettings(Settings):
    """How stretches of high attribution are named after known motifs."""

    threshold: float = setting(
        0.01, "p-value below which a stretch of high attribution counts.", ge=0, le=1
    )
    max_q: float = setting(
        0.1,
        "Largest q-value at which a stretch of high attribution is named after a motif.",
        ge=0,
        le=1,
        parameter="motifs_max_q",
    )
    logos: int = setting(6, "Pictures of so many motifs and regions.", ge=0)
    seed: int = SEED
    threads: int = THREADS


class MotifChangeSettings(Settings):
    """How motifs are found that a variant makes or breaks."""

    motif_p: float = setting(
        1e-4,
        "p-value, by position, below which a motif matches over an allele, with --motifs.",
        gt=0,
        lt=1,
        parameter="variant_motif_p",
        group="variant_options",
    )


class ModiscoSettings(Settings):
    """How repeated patterns are found anew."""

    max_seqlets: int = setting(2000, "Stretches of each sign at most.", ge=1)
    width: int = setting(400, "Width of a window.", unit="bases", ge=100)
    windows: int = setting(4, "Windows of a region at most.", ge=1)
    threads: int = THREADS
