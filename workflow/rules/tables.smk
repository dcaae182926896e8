# The tables, and every number in one tidy file.


rule table:
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
    log:
        "results/logs/tables/{table}.log",
    benchmark:
        "results/benchmarks/tables/{table}.tsv"
    conda:
        "../../environment.yml"
    params:
        spec=project.table_spec,
        planned=project.planned_cells,
        made={"scale": project.config.scale, "comparable": project.config.comparable},
    message:
        "Write {wildcards.table}"
    script:
        "../scripts/table.py"


rule cells:
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
    message:
        "Join every table's numbers"
    script:
        "../scripts/cells.py"
