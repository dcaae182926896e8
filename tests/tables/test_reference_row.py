"""The row of the untranslated inputs: below every table's methods, under the same metrics, without a rank."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from enco.errors import UserError
from enco.io.files import read_json, write_json
from eval.published import read_published
from eval.tables.cells import read_cells
from eval.tables.layout import TableBlock, headline
from eval.tables.spec import load_tables
from eval.tables.write import FORMATS, read_numbers, write_table
from tests.support.table_runs import DEMO, PUBLISHED, TABLES, plan, reference, resampled

FD = DEMO.distance
PAPERS = ["table1", "table2", "table3", "table4"]


def block(folder: Path, name: str, *, with_reference: bool) -> TableBlock:
    spec, published = TABLES[name], read_published(PUBLISHED)
    planned = plan(folder, spec, [row.key for row in spec.rows])
    planned += reference(folder, spec) if with_reference else []
    found = read_numbers(spec, resampled(planned), published, DEMO)
    return headline(spec, found.cells, published, found.compared)


def written(folder: Path, name: str, seeds: tuple[int, ...] = (0,)) -> dict[str, str]:
    spec = TABLES[name]
    planned = [*plan(folder, spec, [row.key for row in spec.rows], seeds), *reference(folder, spec)]
    out = {kind: folder / f"{name}.{kind}" for kind in (*FORMATS, "cells")}
    write_table(spec, planned, PUBLISHED, out, DEMO)
    return {kind: path.read_text(encoding="utf-8") for kind, path in out.items()}


@pytest.mark.parametrize("name", PAPERS)
def test_ranks_are_those_of_the_methods_alone(name: str, tmp_path: Path) -> None:
    alone, beside = (block(tmp_path, name, with_reference=asked) for asked in (False, True))
    assert beside.cells == alone.cells and not alone.reference
    assert {value.mark for cell in beside.reference for value in cell.values} == {""}
    distances = [n for n, column in enumerate(beside.columns) if column.metrics == ("FID",)]
    for n in distances:
        best = min(float(cells[n].values[0].text.split()[0]) for cells in alone.cells)
        assert float(beside.reference[n].values[0].text.split()[0]) < best, "a rank would be the first"


@pytest.mark.parametrize("name", PAPERS)
def test_it_is_the_last_row_in_every_format(name: str, tmp_path: Path) -> None:
    text = written(tmp_path, name)
    table = pd.read_csv(tmp_path / f"{name}.csv", comment="#")
    last = table.iloc[-1]
    assert (last["row"], last["label"]) == ("untranslated", "untranslated inputs")
    for column in table.columns[2:]:
        absent = any(metric in column for metric in ("sec/iter", "training time", "model size"))
        assert (last[column] == "–") == absent or "(paper)" in column
    lines = text["md"].partition("\n\n### ")[0].split("\n")
    assert lines[-1].startswith("| untranslated inputs ") and "**" not in lines[-1] and "(" not in lines[-1]
    rows = text["tex"].partition("\\end{tabular}\n")[0].split("\n")
    found = next(number for number, line in enumerate(rows) if line.startswith("untranslated inputs & "))
    assert (rows[found - 1], rows[found + 1]) == (r"\midrule", r"\bottomrule")
    first = text["html"].partition("</table>")[0]
    assert '<table class="reference">' in first and ">untranslated inputs</td>" in first.rpartition("<tr>")[2]


def test_its_footer_says_what_it_is_and_what_it_lacks(tmp_path: Path) -> None:
    text = written(tmp_path, "table2")["md"]
    assert (
        "- **untranslated inputs**: the test inputs as networks see them, scored as translations are, unranked; no"
        " number: Photo→Van Gogh training time (h), All tasks model size (M) (nothing is trained)" in text
    )
    assert "**No number**" not in text, "no number of a method is missing"


def test_its_cells_are_there_once_whatever_the_seeds(tmp_path: Path) -> None:
    written(tmp_path, "table4", seeds=(0, 1, 2))
    cells = read_cells(tmp_path / "table4.cells")
    own = cells[cells["row"] == "untranslated"].set_index(["task", "metric", "real_set"])
    assert own.index.is_unique and set(own["label"]) == {"untranslated inputs"}
    assert own.loc[("cat2dog", FD, "paired"), "value"] == 45.25 and own.loc[("cat2dog", FD, "full"), "value"] == 44.5
    assert own["published"].isna().all() and own["delta"].isna().all() and set(own["run"]) == {""}
    assert own.loc[("horse2zebra", "sec/iter", ""), "reason"] == "nothing is trained"


def test_inputs_that_were_scored_otherwise_are_refused(tmp_path: Path) -> None:
    spec = TABLES["table4"]
    planned = [*plan(tmp_path, spec, ["default"]), *reference(tmp_path, spec)]
    path = next(cell.reference for cell in planned if cell.reference)
    content = read_json(path)
    write_json(path, content | {"protocol": content["protocol"] | {"k": 3}})
    with pytest.raises(UserError, match=r"One table cannot mix numbers of neighbours k: .* has '5', .*json has '3'"):
        write_table(spec, planned, PUBLISHED, {"csv": tmp_path / "x.csv"}, DEMO)


def test_no_method_has_its_key() -> None:
    entry = {"rows": [{"key": "untranslated", "method": "cut"}], "columns": [{"task": "t", "metrics": ["FID"]}]}
    with pytest.raises(UserError, match=r"'untranslated' of table 'own' .* has the key of the inputs themselves"):
        load_tables({"own": entry})
