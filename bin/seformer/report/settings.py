"""Settings of the report."""

from __future__ import annotations

from seformer.util.settings import Settings, setting


class ReportSettings(Settings):
    title: str = setting("seformer", "Title of the report.", parameter="report_title")
