# Pictures of what the numbers measure.


rule figure:
    input:
        project.figure_inputs,
    output:
        report(
            "results/figures/{table}.png",
            category="Figures",
            caption="../report/figure.rst",
            labels={"table": "{table}", "scale": project.config.scale},
        ),
    log:
        "results/logs/figures/{table}.log",
    benchmark:
        "results/benchmarks/figures/{table}.tsv"
    conda:
        "../../environment.yml"
    params:
        headers=project.figure_headers,
        tasks=project.figure_tasks,
    message:
        "Lay the translations of {wildcards.table} side by side"
    script:
        "../scripts/figure.py"


rule figures:
    input:
        project.figure_files(),
    message:
        "All figures are made"
