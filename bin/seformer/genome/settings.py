"""Settings of the index of a genome."""

from __future__ import annotations

from seformer.util.settings import Settings, setting


class IndexSettings(Settings):
    compress: bool = setting(False, "Also write the genome itself, bgzipped anew.")
