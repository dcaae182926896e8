# The tables, and every number in one tidy file. Copies directly under results/ are those of the configuration asked for last.


rule table:
    input:
        project.tables.inputs,
        published=project.plan.published,
    output:
        csv=paths.TABLE["csv"],
        md=paths.TABLE["md"],
        tex=paths.TABLE["tex"],
        html=report(
            paths.TABLE["html"],
            category="Tables",
            caption="../report/table.rst",
            labels={"table": "{table}", "scale": "{scale}", "part": "{part}"},
        ),
        cells=report(
            paths.TABLE["cells"],
            category="Cells",
            caption="../report/cells.rst",
            labels={"table": "{table}", "scale": "{scale}", "part": "{part}"},
        ),
        differences=paths.TABLE["differences"],
    log:
        paths.log("{part}/{table}"),
    benchmark:
        paths.benchmark("{part}/{table}")
    wildcard_constraints:
        table=project.tables.pattern(),
    conda:
        "../../environment.yml"
    params:
        spec=project.tables.spec,
        planned=project.tables.planned,
        faults=project.tables.faults,
        provenance=project.tables.provenance(),
        code=code.digest("eval.tables.write"),
    message:
        "Write {wildcards.table} of scale {wildcards.scale}, {wildcards.part}"
    script:
        "../scripts/table.py"


rule cells:
    input:
        project.tables.cell_files(),
    output:
        report(
            paths.CELLS,
            category="Cells",
            caption="../report/cells.rst",
            labels={"table": "all tables", "scale": "{scale}", "part": "{part}"},
        ),
    log:
        paths.log("{part}/cells"),
    benchmark:
        paths.benchmark("{part}/cells")
    conda:
        "../../environment.yml"
    message:
        "Join every table's numbers"
    script:
        "../scripts/cells.py"


rule current_table:
    input:
        **project.tables.files(paths.TABLE),
    output:
        **paths.CURRENT_TABLE,
    log:
        paths.log("current/{table}", paths.RESULTS),
    conda:
        "../../environment.yml"
    params:
        folder=subpath(output.csv, parent=True),
    message:
        "Copy {wildcards.table} of this configuration to results/"
    shell:
        "cp {input} {params.folder}/ 2> {log}"


rule current_cells:
    input:
        project.plan.template(paths.CELLS),
    output:
        paths.CURRENT_CELLS,
    log:
        paths.log("current/cells", paths.RESULTS),
    conda:
        "../../environment.yml"
    message:
        "Copy every number of this configuration to results/"
    shell:
        "cp {input} {output} 2> {log}"


# No input: it takes what is there, and nothing is made for it.
rule tables_so_far:
    log:
        project.plan.file(paths.log("tables_so_far")),
    conda:
        "../../environment.yml"
    params:
        base=str(project.plan.base),
    message:
        "Write every table as far as it can be made"
    script:
        "../scripts/tables_so_far.py"
