"""Write the tables and the figure of docs/performance.md from the files in benchmarks/results.

python -m benchmarks.report
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tabulate import tabulate

from benchmarks.figure import draw
from benchmarks.speed import rows
from enco.io.files import atomic_path
from enco.methods import get
from eval.published import published_speeds

ROOT = Path(__file__).resolve().parent.parent
RESULTS, PAGE = ROOT / "benchmarks" / "results", ROOT / "docs" / "performance.md"
FIGURE, PUBLISHED = ROOT / "docs" / "images" / "speed.svg", ROOT / "config" / "published.csv"
BASELINE = "cut"
"""The method that others are compared with."""
UNCOMPILED = "without compile"
MARKED = re.compile(r"(<!-- benchmarks/report\.py: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
Lines = Sequence[dict[str, str]]
Cells = list[str]


def main() -> None:
    """Write page and figure anew."""
    text = with_tables(PAGE.read_text("utf-8"), RESULTS)
    with atomic_path(PAGE) as partial:
        partial.write_text(text, "utf-8")
    if files := sorted(RESULTS.glob("speed-*.csv")):
        draw({caption(rows.read(file)): ratios(rows.read(file)) for file in files}, FIGURE)


def with_tables(text: str, results: Path) -> str:
    """Return a page with the tables between the markers made anew from the result files of a folder."""
    return MARKED.sub(lambda found: found[1] + "".join(section(found[2], results)) + found[3], text)


def section(subject: str, results: Path) -> Iterator[str]:
    """Yield a table for each device on which the subject was measured, with a caption; or the link to the figure."""
    if subject == "figure" and any(results.glob("speed-*.csv")):
        yield f"![Seconds per iteration as multiples of {get(BASELINE).info.label}'s](images/{FIGURE.name})\n"
    for file in sorted(results.glob(f"{subject}*.csv")):
        lines = rows.read(file)
        headers, table = without_empty(*TABLES[subject](lines))
        alignment = ["left"] + ["right"] * (len(headers) - 1)
        text = tabulate(table, headers, tablefmt="github", disable_numparse=True, colalign=alignment)
        yield f"\n{caption(lines)}\n([CSV](../benchmarks/results/{file.name})):\n\n{text}\n\n"


def without_empty(headers: Cells, table: list[Cells]) -> tuple[Cells, list[Cells]]:
    """Return a table without the columns that were not measured."""
    kept = [place for place in range(len(headers)) if any(row[place] not in ("-", "") for row in table)]
    return [headers[place] for place in kept], [[row[place] for place in kept] for row in table]


def caption(lines: Lines) -> str:
    """Say where a file was measured."""
    line = lines[0]
    if "device" not in line:
        return "On a CPU"
    threads = f"{line['threads']} threads" if line["threads"] else ""
    return ", ".join(filter(None, (line["device"], line["instructions"], threads, f"torch {line['torch']}")))


def seconds(lines: Iterable[dict[str, str]]) -> float | None:
    """Return the mean of the halves' medians, the headline of the tables; None without any."""
    values = [float(line["sec_per_iter"]) for line in lines if line["sec_per_iter"] and not line["error"]]
    return statistics.mean(values) if values else None


def select(lines: Lines, **wanted: str) -> Lines:
    """Return the lines that have these values."""
    return [line for line in lines if all(line[name] == value for name, value in wanted.items())]


def of_modes(lines: Lines) -> Lines:
    """Return the lines of whole modes; of methods with more halves of training timed without the compiler, those."""
    fast = [line for line in select(lines, mode="fast") if line["sec_per_iter"]]
    halves = [{(line["method"], line["half"]) for line in select(fast, change=change)} for change in ("", UNCOMPILED)]
    instead = {("fast", method) for method, _ in halves[1] - halves[0]}
    return [
        line for line in lines if line["change"] == (UNCOMPILED if (line["mode"], line["method"]) in instead else "")
    ]


def ratios(lines: Lines) -> dict[str, dict[str, float | None]]:
    """Return seconds of each method as multiples of the baseline's: plain, fast (of plain's), and as published."""
    lines = of_modes(lines)
    published, base = published_speeds(PUBLISHED), seconds(select(lines, method=BASELINE, mode="plain"))
    return {
        label(name): {
            **{mode: divided(seconds(select(lines, method=name, mode=mode)), base) for mode in ("plain", "fast")},
            "published": divided(published.get(name), published.get(BASELINE)),
        }
        for name in names(lines)
    }


def speed_table(lines: Lines) -> tuple[Cells, list[Cells]]:
    """Compare each method in both modes with the paper; halves of training apart where both were measured."""
    lines = of_modes(lines)
    compared = ratios(lines)
    base = get(BASELINE).info.label
    headers = ["method", "plain, s", "IQR", "fast, s", "IQR", "fast / plain", f"plain / {base}", f"paper's / {base}"]
    headers += ["GFLOP", "of peak, plain", "of peak, fast", "MiB, plain", "MiB, fast"]
    table = []
    for name in names(lines):
        own, ratio = select(lines, method=name), compared[label(name)]
        halves = sorted({line["half"] for line in own})
        last = [number(ratio["plain"], ".2f"), number(ratio["published"], ".2f")]
        table.append([label(name), *both_modes(own), *last, *arithmetic(own)])
        for half in halves if len(halves) > 1 else ():
            part = select(own, half=half)
            table.append([f"– {HALVES[half]} half", *both_modes(part), "", "", *arithmetic(part)])
    return headers, table


def both_modes(lines: Lines) -> Cells:
    """Return seconds and interquartile range, plain and fast, and the ratio of the two."""
    plain, fast = (seconds(select(lines, mode=mode)) for mode in ("plain", "fast"))
    spread = [mean(select(lines, mode=mode), "iqr") for mode in ("plain", "fast")]
    cells = [number(plain, ".3g"), number(spread[0], ".2g"), number(fast, ".3g"), number(spread[1], ".2g")]
    return [*cells, number(divided(fast, plain), ".2f")]


def arithmetic(lines: Lines) -> Cells:
    """Return operations for an image, shares of the device's peak, and memory."""
    by_mode = [select(lines, mode=mode) for mode in ("plain", "fast")]
    flop = mean(lines, "flop")
    shares = [number(mean(part, "share_of_peak"), ".0%") for part in by_mode]
    memory = [number(mean(part, "peak_memory_mb"), ",.0f") for part in by_mode]
    return [number(divided(flop, 1e9), ",.0f"), *shares, *memory]


def pieces_table(lines: Lines) -> tuple[Cells, list[Cells]]:
    """Compare `fast` with each piece added or left out."""
    table = []
    for line in select(lines, half="1"):
        own = select(lines, method=line["method"], half="1")
        base = [seconds(select(own, mode=mode, change="")) for mode in ("plain", "fast")]
        found = seconds([line])
        kind = f"{line['mode']} {line['change']}".rstrip()
        compared = [line["error"] or number(divided(found, other), ".2f") for other in base]
        table.append([label(line["method"]), kind, line["pieces"], number(found, ".3g"), *compared])
    return ["method", "mode", "computed in", "s", "/ plain", "/ fast"], table


def sizes_table(lines: Lines) -> tuple[Cells, list[Cells]]:
    """Compare sizes of images and batches."""
    table = [
        [
            *(label(line["method"]), line["mode"], line["size"], line["batch"], value(line, "sec_per_iter", ".3g")),
            *(value(line, "iter_per_sec", ".3g"), value(line, "share_of_peak", ".0%")),
            *(value(line, "peak_memory_mb", ",.0f"), line["error"]),
        ]
        for line in select(lines, half="1")
    ]
    return ["method", "mode", "pixels", "batch", "s an image", "images/s", "of peak", "MiB", "error"], table


def together_table(lines: Lines) -> tuple[Cells, list[Cells]]:
    """Return iterations per second of trainings side by side, and the multiple of one training alone."""
    table = []
    for line in lines:
        alone = select(lines, method=line["method"], mode=line["mode"], size=line["size"], together="1")
        base = float(alone[0]["iter_per_sec"]) if alone and alone[0]["iter_per_sec"] else None
        rate = float(line["iter_per_sec"]) if line["iter_per_sec"] else None
        cells = [number(rate, ".3g"), line["error"] or number(divided(rate, base), ".2f")]
        table.append([label(line["method"]), line["mode"], line["size"], line["together"], *cells])
    return ["method", "mode", "pixels", "trainings", "iterations/s in all", "/ one alone"], table


def equivalence_table(lines: Lines) -> tuple[Cells, list[Cells]]:
    """Return the changes of losses in one step from one state, and in whole trainings, by the mode or by a nudge."""
    table = []
    for name in dict.fromkeys(line["method"] for line in lines):
        own = select(lines, method=name)
        worst = max(own, key=lambda line: float(line["step_change"]))
        medians = [format(statistics.median(float(line[column]) for line in own), ".2%") for column in CHANGES]
        cells = [medians[0], f"{float(worst['step_change']):.1%} ({worst['term']})", *medians[1:]]
        table.append([label(name), str(len(own)), *cells])
    return ["method", "terms", "one step: median", "worst", "training, fast: median", "nudged: median"], table


def fid_table(lines: Lines) -> tuple[Cells, list[Cells]]:
    """Return the distances of equal demo trainings in both modes, seed by seed."""
    table = [
        [label(name), *("  ".join(line["fid"] for line in select(lines, method=name, mode=mode)) for mode in MODES)]
        for name in dict.fromkeys(line["method"] for line in lines)
    ]
    return ["method", *(f"{mode}, seeds 0 to 2" for mode in MODES)], table


def names(lines: Lines) -> list[str]:
    """Return the methods of a file, fastest first and failed ones last."""
    plain = {line["method"]: seconds(select(lines, method=line["method"], mode="plain")) for line in lines}
    return sorted(plain, key=lambda name: plain[name] or float("inf"))


def label(name: str) -> str:
    return get(name).info.label


def mean(lines: Lines, column: str) -> float | None:
    """Return the mean of a column's numbers; None without any."""
    values = [float(line[column]) for line in lines if line[column]]
    return statistics.mean(values) if values else None


def divided(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def value(line: dict[str, str], column: str, form: str) -> str:
    return number(mean([line], column), form)


def number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


MODES = ("plain", "fast")
CHANGES = ("step_change", "fast_change", "nudged_change")
HALVES = {"1": "first", "2": "second"}
TABLES: dict[str, Callable[[Lines], tuple[Cells, list[Cells]]]] = {
    "speed": speed_table,
    "small": speed_table,
    "pieces": pieces_table,
    "sizes": sizes_table,
    "together": together_table,
    "equivalence": equivalence_table,
    "demo_fid": fid_table,
}


if __name__ == "__main__":
    main()
