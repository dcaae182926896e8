"""The page of results: tables, sentences and the whole page, from CSV files that are written here."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eval.claims.verdicts import in_words
from eval.publication.cautions import of_checkpoints, of_seeds
from eval.publication.certainty import claims_table, differences_table, further_table
from eval.publication.claims import claims, without_second_choice
from eval.publication.files import ABOUT, DATA, RUNS, TABLES, TASKS, read_notes, write_lines
from eval.publication.page import render_page
from eval.publication.tables import Told, markdown_table
from eval.tables.cells import COLUMNS, save_cells
from eval.tables.spec import Rule
from eval.uncertainty.differences import Entry, differences

TITLES = {"horse2zebra": "Horse → Zebra", "cat2dog": "Cat → Dog"}
TABLE = """"row","label","A FD (Lite)","A FID (paper)","A P & R","A P & R (paper)","all model size (M)"
"cut","CUT",30.5,45.5,"50.0 & 70.0",,"–"
"enco","EnCo_2","20.1 ± 1.0 (n=3)",38.7,"60.0 & 65.0 (n=3)","72.6 & 78.6",1.25
"cyclegan","CycleGAN","–",,"–",,1.5
"untranslated","untranslated inputs",10.0,,"99.0 & 99.0",,"–"
# No number: 2 of 9 cells: diverged: CycleGAN
# Scale: small: not the paper's
"""


def cells(*values: tuple[str, str, str, float, float]) -> pd.DataFrame:
    """Tidy cells of (table, row, task, value, standard deviation)."""
    lines = [
        {"table": table, "row": row, "label": row.upper(), "task": task, "metric": "FID", "seed": 0, "value": value}
        | {"std": std, "n": 1 if math.isnan(std) else 3, "real_set": "paired"}
        for table, row, task, value, std in values
    ]
    return pd.DataFrame(lines, columns=COLUMNS)


def sentences(*values: tuple[str, str, str, float]) -> list[str]:
    return claims(cells(*((*value, math.nan) for value in values)), TITLES)


def printed(folder: Path, rule: Rule, differences: Told) -> list[list[str]]:
    """The cells of a table of a publication, line by line."""
    (folder / "table.csv").write_text(TABLE)
    lines = markdown_table(folder / "table.csv", rule, differences).splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_a_table_has_marks_seeds_and_the_papers_numbers_and_ranks_no_reference(tmp_path: Path) -> None:
    lines = printed(tmp_path, "best", {})
    assert lines[0] == ["", "A FD (Lite) ↓", "A P & R ↑", "all model size (M) ↓"]
    assert lines[2:] == [
        ["CUT", "*30.5* (45.5)", "*50.0* & **70.0**", "–"],
        ["EnCo\\_2", "**20.1 ± 1.0** (n=3) (38.7)", "**60.0** & *65.0* (n=3) (72.6 & 78.6)", "**1.25**"],
        ["CycleGAN", "–", "–", "*1.5*"],
        ["untranslated inputs", "10.0", "99.0 & 99.0", "–"],
    ]
    assert read_notes(tmp_path / "table.csv")[0] == ("No number", "2 of 9 cells: diverged: CycleGAN")


def test_a_table_marks_what_its_differences_say(tmp_path: Path) -> None:
    """EnCo's distance is surely better, its precision is not, and CUT's recall is surely better."""
    rows = {"cut": Entry(30.5, np.array([1.0, 2.0])), "enco": Entry(20.1, np.array([1.0, 2.5]))}
    near = {row: replace(one, value=one.value / 30) for row, one in rows.items()}
    by_metric = [differences(rows, "lower"), differences(near, "lower"), differences(rows, "higher")]
    distance, precision, recall = ({one.row: one for one in found} for found in by_metric)
    told = {("A FD (Lite)", row): [distance[row]] for row in rows}
    told |= {("A P & R", row): [precision[row], recall[row]] for row in rows}
    assert [line[1:] for line in printed(tmp_path, "certain", told)[2:]] == [
        ["30.5 (45.5)", "*50.0* & **70.0**", "–"],
        ["**20.1 ± 1.0** (n=3) (38.7)", "*60.0* & 65.0 (n=3) (72.6 & 78.6)", "**1.25**"],
        ["–", "–", "1.5"],
        ["10.0", "99.0 & 99.0", "–"],
    ]


def test_differences_stand_below_a_table_by_label(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(TABLE)
    about = "task,metric,real_set,column,row,value,n,best,difference,difference_sd,p_better,rank,rank_low,rank_high"
    lines = [
        "a,FD (Lite),paired,A FD (Lite),cut,30.5,1,enco,10.4,2.0,0.0001,2,2,2",
        "a,FD (Lite),paired,A FD (Lite),enco,20.1,1,enco,0,0,,1,1,1",
        "a,precision,paired,A P & R,cut,50,1,enco,-10,8,0.1056,2,1,2",
        "a,recall,paired,A P & R,cut,70,1,cut,0,0,,1,1,2",
        "all,model_size_millions,,all model size (M),enco,1.25,1,enco,0,,,1,,",
        "a,KID,paired,A KID,cut,0.1,1,cut,0,0,,1,1,1",
    ]
    (tmp_path / "d.csv").write_text("\n".join([about, *lines]) + "\n")
    table = differences_table(tmp_path / "table.csv", tmp_path / "d.csv")
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]] == [
        ["A FD (Lite)", "CUT", "+10.4 ± 2.0, P \\< 0.001, rank 2"],
        ["A FD (Lite)", "EnCo\\_2", "best, rank 1"],
        ["A P & R: precision", "CUT", "-10.0 ± 8.0, P = 0.106, rank 1–2"],
        ["A P & R: recall", "CUT", "best, rank 1–2"],
    ]


def test_further_metrics_are_means_with_their_deviation() -> None:
    known = cells(("1", "cut", "cat2dog", 0.125, math.nan), ("1", "enco", "cat2dog", 0.25, math.nan))
    kid = pd.concat([known.assign(metric="KID", mark="", sampling_sd=[0.0156, math.nan]), known])
    assert [line.replace(" ", "") for line in further_table(kid, TITLES).splitlines()[2:]] == [
        "|CUT|0.125±0.016|",
        "|ENCO|0.250|",
    ]
    assert not further_table(known, TITLES)


def test_the_ledger_has_both_verdicts(tmp_path: Path) -> None:
    head = "sentence,source,note,paper_verdict,paper_said,verdict,said,spread_of"
    (tmp_path / "claims.csv").write_text(f"{head}\nA is best.,Table 1,but,holds,by 0.4,not measured,,\n# footer: x\n")
    assert claims_table(tmp_path / "claims.csv").splitlines()[2:] == [
        "| A is best. (but) | Table 1 | **holds**, by 0.4 | **not measured** |"
    ]


def test_the_best_method_is_named_and_so_is_the_rank_of_enco() -> None:
    found = sentences(
        ("1", "cut", "horse2zebra", 30.0),
        ("1", "enco", "horse2zebra", 40.0),
        ("1", "untranslated", "horse2zebra", 35.0),
        ("1", "enco", "cat2dog", 10.0),
        ("1", "cut", "cat2dog", 20.0),
    )
    assert found[0] == (
        "Table 1: on Horse → Zebra CUT has the lowest FID of 2 methods (30.0), EnCo is number 2 (40.0), 1 of 2 are"
        " below the untranslated inputs (35.0); on Cat → Dog ENCO has the lowest FID of 2 methods (10.0)."
    )
    assert found[1] == (
        "EnCo's FID is lower than CUT's on 1 of 2 tasks (Horse → Zebra 40.0 against 30.0; Cat → Dog 10.0 against 20.0)."
    )


def test_an_ablation_is_won_only_against_every_other_row() -> None:
    found = sentences(
        *[("3", row, "horse2zebra", value) for row, value in (("A", 30.0), ("B", 40.0), ("C", 50.0), ("F", 35.0))],
        *[("3", row, "cat2dog", value) for row, value in (("A", 30.0), ("B", 40.0), ("C", 50.0), ("F", 25.0))],
        ("4", "default", "cat2dog", 25.0),
        ("4", "uniform", "cat2dog", 26.0),
        ("3", "E", "cat2dog", 20.0),
    )
    assert "than uniform sampling on 1 of 1 task (Cat → Dog 25.0 against uniform 26.0)" in found[2]
    assert "fewer pairs on 1 of 2 tasks (Horse → Zebra 35.0 against A 30.0, B 40.0, C 50.0;" in found[3]
    assert "than two projectors on 0 of 1 task" in found[4]


def test_what_cannot_be_said_is_said() -> None:
    found = sentences(("1", "enco", "horse2zebra", 40.0))
    assert found[0] == "Table 1: too few numbers to say which method is best."
    assert all("no task has" in sentence for sentence in found[1:])
    assert "no difference here has an error bar" in of_seeds(cells(("1", "enco", "cat2dog", 1.0, math.nan)), TITLES)
    resampled = cells(("1", "enco", "cat2dog", 1.0, math.nan)).assign(sampling_sd=1.5)
    assert of_seeds(resampled, TITLES).endswith("and not another seed.")
    spread = cells(("1", "cut", "cat2dog", 1.0, 2.25), ("1", "enco", "horse2zebra", 1.0, 12.5))
    assert "± 12.5 (sample standard deviation; ENCO on Horse → Zebra, 3 seeds)" in of_seeds(spread, TITLES)


def test_the_last_generator_is_seen_against_those_of_the_second_half() -> None:
    values = {"EnCo": [9.0, 260.0, 190.0, 205.5], "CUT": [8.0, 255.0, 188.25, 277.5]}
    curves = pd.DataFrame(
        [
            ("horse2zebra", label, label, 0, 10 * at, metric, value if metric != "KID" else 0.5)
            for label, of_row in values.items()
            for at, value in enumerate(of_row, 1)
            for metric in ("FID", "KID")
        ],
        columns=["task", "row", "label", "seed", "iteration", "metric", "value"],
    )
    (found,) = of_checkpoints(curves, TITLES)
    assert "EnCo lay between 190.0 and 205.5, in the end at 205.5, and that of CUT" in found
    assert "CUT lay between 188.2 and 277.5, in the end at 277.5" in found
    assert not list(of_checkpoints(curves[:0], TITLES))


def test_a_verdict_of_one_seed_is_of_its_trainings() -> None:
    assert in_words("holds", "paired test images") == "holds for these trainings"
    assert in_words("fails", "test images") == "fails for these trainings"
    assert in_words("holds", "seeds and test images") == in_words("holds", "steps") == in_words("holds", "") == "holds"
    assert in_words("undecided", "test images") == "undecided"


def test_a_sentence_is_of_final_generators_where_there_are_others_too() -> None:
    final = cells(("1", "cut", "cat2dog", 20.0, math.nan), ("1", "enco", "cat2dog", 10.0, math.nan))
    best = final.assign(selection="best", value=[1.0, 2.0])
    both = pd.concat([final.assign(selection="final"), best, cells(("1", "untranslated", "cat2dog", 30.0, math.nan))])
    assert without_second_choice(both)["value"].to_list() == [20.0, 10.0, 30.0]
    assert without_second_choice(best)["value"].to_list() == [1.0, 2.0], "chosen ones alone are what there is"


def test_seconds_are_a_ratio() -> None:
    both = cells(("1", "cut", "cat2dog", 1.0, math.nan), ("1", "enco", "cat2dog", 2.0, math.nan))
    timed = both.assign(metric="sec/iter", value=[0.5, 0.25], real_set="")
    assert claims(pd.concat([both, timed]), TITLES)[1].endswith("an iteration takes 0.50 times CUT's seconds.")


def write_publication(folder: Path, found: pd.DataFrame, *tables: dict[str, Any]) -> None:
    """The files of a page without pictures, curves and trainings."""
    save_cells(found, folder / "cells.csv")
    facts = {"scale": "small", "seeds": "0", "trainings_planned": 3, "commit": "0123abc", "comparable": ""}
    facts |= {"distance": "FD (Lite)", "setting.options.all.ngf": 32}
    write_lines(folder, ABOUT, [{"key": key, "value": value} for key, value in facts.items()])
    write_lines(folder, TABLES, tables)
    for table in tables:
        (folder / f"{table['table']}.csv").write_text(TABLE)
    write_lines(folder, TASKS, [{"task": task, "title": title} for task, title in TITLES.items()])
    write_lines(folder, RUNS, [])
    write_lines(folder, DATA, [])


def test_further_metrics_are_those_of_a_tables_own_key_and_generators(tmp_path: Path) -> None:
    kid = cells(*((table, "enco", "cat2dog", 0.0, math.nan) for table in ("1", "1", "cats")))
    kid = kid.assign(metric="KID", mark="", selection=["final", "best", "final"], value=[0.125, 0.25, 0.5])
    keys = {"table1": ("1", "final"), "table1.best": ("1", "best"), "cats": ("cats", "final")}
    about = ({"table": name, "title": name, "key": key, "selection": of} for name, (key, of) in keys.items())
    write_publication(tmp_path, kid, *about)
    assert re.findall(r"^\| ENCO +\| (.+?) +\|$", render_page(tmp_path), re.MULTILINE) == ["0.125", "0.250", "0.500"]


def test_a_page_without_pictures_curves_and_trainings_is_a_page_and_equal_files_make_it_again(tmp_path: Path) -> None:
    about = {"table": "table1", "title": "Table 1: methods", "shows_keys": True, "key": "1", "selection": "final"}
    write_publication(tmp_path, cells(("1", "enco", "cat2dog", 1.0, math.nan)), about)
    page = render_page(tmp_path)
    assert render_page(tmp_path) == page
    assert "## Table 1: methods\n" in page and "0 of 3 trainings" in page and "do not compare" in page
    assert "| enco: EnCo" in page and "untranslated: " not in page, "claims name rows by their keys"
    assert "the paper's number, its distance FID." in page
    assert "| options.all.ngf | 32 |" in page
    assert "- **No number**: 2 of 9 cells: diverged: CycleGAN\n" in page
    assert "![" not in page and "\n\n\n" not in page
    assert max(map(len, (line for line in page.splitlines() if not line.startswith("|")))) <= 120
