"""`seformer index`: a genome, made ready once."""

from __future__ import annotations

from seformer.commands import options
from seformer.genome.settings import IndexSettings


@options.expand
def command(fasta: options.Fasta, out: options.Out, settings: IndexSettings) -> None:
    """Index a genome once for all stages."""
    from seformer.genome.index import index_genome

    index_genome(fasta, out, settings)
