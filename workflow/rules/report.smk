# Pictures of what the numbers measure.


rule figure:
    message:
        "Lay the translations of {wildcards.table} side by side"
    input:
        project.figure_inputs,
    output:
        report(
            "results/figures/{table}.png",
            category="Figures",
            caption="../report/figure.rst",
            labels={"table": "{table}", "scale": project.config.scale},
        ),
    params:
        headers=project.figure_headers,
        tasks=project.figure_tasks,
    log:
        "results/logs/figures/{table}.log",
    benchmark:
        "results/benchmarks/figures/{table}.tsv"
    conda:
        "../../environment.yml"
    script:
        "../scripts/figure.py"


rule figures:
    message:
        "All figures are made"
    input:
        project.figure_files(),
