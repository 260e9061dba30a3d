"""A genome made ready once: its index, and block compression where it came in plain gzip."""

from __future__ import annotations

import logging
from os import PathLike
from pathlib import Path

from seformer import files
from seformer.blocks import BgzipWriter
from seformer.errors import UserError
from seformer.genome import Genome

logger = logging.getLogger(__name__)
CHUNK = 2**20


def index_genome(
    fasta: str | PathLike[str], out: str | PathLike[str], compress: bool = False
) -> None:
    """Write the index of a genome, as `.fai` and for a bgzipped FASTA also `.gzi`.

    Parameters
    ----------
    fasta
        FASTA, plain or bgzipped; with ``compress`` also in plain gzip.
    out
        Folder for the index files, named after the FASTA. With ``compress`` also for the FASTA
        itself, bgzipped anew (as `NAME.gz`).
    compress
        Compress into blocks, so that the FASTA can be read in places.

    Raises
    ------
    UserError
        If the file is missing, not FASTA, or gzipped but not bgzipped and ``compress`` is not set.
    """
    source = files.existing_file(fasta)
    with files.output_folder(out) as staging:
        if compress:
            local = staging / (source.name.removesuffix(".gz") + ".gz")
            _compress(source, local)
        else:
            local = staging / source.name
            local.symlink_to(source.resolve())
        try:
            Genome(local).close()
        except UserError as error:
            # people know the file by the name they gave it
            raise UserError(str(error).replace(str(local), str(source)).rstrip(".")) from error
        if not compress:
            local.unlink()


def _compress(source: Path, target: Path) -> None:
    """Copy a text file, plain or gzipped, into BGZF (SAM specification 4.1)."""
    with files.open_text(source) as text, BgzipWriter(target) as blocks:
        while chunk := text.read(CHUNK):
            blocks.write(chunk.encode())
