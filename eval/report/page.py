"""The report as one HTML file that needs no other: style, script and pictures are in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from eval.report.charts import HEIGHT, WIDTH
from eval.report.model import Report, ViewerTask
from eval.tables.render import ABSENT, DIFFERENCES_LEGEND, template

TEMPLATES = Path(__file__).parent / "templates"


def render_report(report: Report) -> str:
    """Return the page: equal reports make equal pages."""
    return template("report.html", TEMPLATES).render(
        report=report,
        link=link,
        style=_source("report.css"),
        script=_source("report.js"),
        viewer=in_script([_viewer(one) for one in report.viewer]),
        pictures=in_script(dict(report.pictures)),
        chart_size=(WIDTH, HEIGHT),
        absent=ABSENT,
        differences_legend=DIFFERENCES_LEGEND,
    )


def link(anchor: str) -> str:
    """Return the address of a place on the page."""
    return f"#{quote(anchor, safe='/+=.,')}"


def in_script(value: Any) -> Markup:
    """Return a value as JSON that may stand in a script element, which ends at the first '</'."""
    return Markup(json.dumps(value, ensure_ascii=False).replace("<", "\\u003c"))


def _viewer(task: ViewerTask) -> dict[str, Any]:
    columns = [{**column, "anchor": link(column["anchor"]) if column["anchor"] else ""} for column in task.columns]
    return {"task": task.task, "title": task.title, "images": task.images, "columns": columns}


def _source(name: str) -> Markup:
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))
