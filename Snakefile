"""The tables of EnCo, rebuilt. `snakemake all_tables` makes them all; README.md says the rest."""

import sys
from pathlib import Path

from eval.provenance import FEATURES, RESAMPLING, SCORES, SEGMENTATION, SELECTION
from workflow import paths
from workflow.inputs import code
from workflow.project import Project
from workflow.targets import asks_for, check_targets
from workflow.unnoticed import unnoticed

# A config file that names its scale stands alone; without one, the demo.
if "scale" not in config:

    configfile: Path(workflow.basedir, "config", "demo.yaml")


project = Project.load(config, base=Path(workflow.basedir))


report: "workflow/report/workflow.rst"


wildcard_constraints:
    **project.plan.wildcard_constraints(),


localrules:
    all_tables,
    archive,
    cells,
    check_data,
    claims,
    current_cells,
    current_curve,
    current_figure,
    current_paper_figure,
    current_protocol,
    current_table,
    fetch_archives,
    imported_generator,
    paper_figures_so_far,
    protocol_table,
    publish,
    published_weights,
    released_table,
    report,
    table,
    tables_so_far,
    tracking_store,
    weights,


rule all_tables:
    default_target: True
    input:
        project.tables.current(),
        paths.CURRENT_CELLS,


include: "workflow/rules/data.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/select.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/segmentation.smk"
include: "workflow/rules/timing.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/curves.smk"
include: "workflow/rules/paper_figures.smk"
include: "workflow/rules/protocol.smk"
include: "workflow/rules/released.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/publish.smk"
include: "workflow/rules/archive.smk"
include: "workflow/rules/page.smk"


onsuccess:
    shell("{command}", command=project.train.mirror_command())
    for line in project.tables.whereabouts():
        print(line)
    if asks_for(paths.RELEASED_TABLE):
        print(*project.released.requests(), sep="\n")
    if asks_for("paper_figures"):
        print(*project.paper_figures.left_out(), sep="\n")


onerror:
    from workflow.so_far import SoFar  # needs pandas, as no plan does

    shell("{command}", command=project.train.mirror_command())
    for failure in SoFar(project).failures():
        print(f"failed: {failure}")
    print("`snakemake tables_so_far` writes every table as far as it can be made, and why the rest is missing.")


check_targets(project.plan, [(rule.name, rule.has_wildcards()) for rule in workflow.rules])
for fault in (*project.plan.faults, *unnoticed(project)):
    print(f"warning: {fault}", file=sys.stderr)
