"""A genome made ready once: its index, and block compression where it came in plain gzip."""

from __future__ import annotations

import logging
from os import PathLike
from pathlib import Path

from seformer.genome.fasta_index import index_fault
from seformer.genome.genome import Genome
from seformer.genome.settings import IndexSettings
from seformer.util.atomic import output_folder
from seformer.util.errors import UserError
from seformer.util.settings import takes
from seformer.util.text import existing_file

logger = logging.getLogger(__name__)


@takes(IndexSettings)
def index_genome(
    fasta: str | PathLike[str], out: str | PathLike[str], settings: IndexSettings
) -> None:
    """Write the index of a genome, as `.fai` and for a bgzipped FASTA also `.gzi`.

    Parameters
    ----------
    fasta
        FASTA, plain, bgzipped or gzipped.
    out
        Folder for the index files, named after the FASTA. Of a FASTA that cannot be read in places
        (plain gzip, uneven lines) also for a copy of it that can, bgzipped, as `NAME.gz`.
    compress
        Write such a copy in any case.

    Raises
    ------
    UserError
        If the file is missing or not FASTA, or the results cannot be written.
    """
    source = existing_file(fasta)
    with output_folder(out) as staging:
        with Genome(source, folder=staging, compress=settings.compress) as genome:
            made, read = genome.index_files, genome.source
            # what a full disk has left out shows only now
            lost = [file.name for file in made if file.parent != staging or not file.is_file()]
            if lost or index_fault(read, made):
                raise UserError(
                    f"{', '.join(lost) or 'the index'} cannot be written whole",
                    where=out,
                    do="make room on the disk, or choose another --out folder",
                )
        if read != source:
            logger.warning("%s: from now on use the copy %s", source, Path(out) / read.name)
