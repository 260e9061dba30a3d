"""`seformer simulate`: demo data."""

from __future__ import annotations

from seformer.commands import options
from seformer.regions.settings import SimulateSettings


@options.expand
def command(out: options.Out, settings: SimulateSettings) -> None:
    """Make the demo data: a genome with planted motif grammar, and its enhancers."""
    from seformer.regions.simulate import simulate

    simulate(out, settings)
