# The tables, and every number in one tidy file.


rule table:
    message:
        "Write {wildcards.table}"
    input:
        project.table_inputs,
        published=project.published,
    output:
        csv="results/{table}.csv",
        md="results/{table}.md",
        tex="results/{table}.tex",
        html=report(
            "results/{table}.html",
            category="Tables",
            caption="../report/table.rst",
            labels={"table": "{table}", "scale": project.config.scale},
        ),
        cells="results/cells/{table}.csv",
    params:
        spec=project.table_spec,
        planned=project.planned_cells,
        made={"scale": project.config.scale, "comparable": project.config.comparable},
    log:
        "results/logs/tables/{table}.log",
    benchmark:
        "results/benchmarks/tables/{table}.tsv"
    conda:
        "../../environment.yml"
    script:
        "../scripts/table.py"


rule cells:
    message:
        "Join every table's numbers"
    input:
        project.cell_files(),
    output:
        "results/cells.csv",
    log:
        "results/logs/tables/cells.log",
    benchmark:
        "results/benchmarks/tables/cells.tsv"
    conda:
        "../../environment.yml"
    script:
        "../scripts/cells.py"
