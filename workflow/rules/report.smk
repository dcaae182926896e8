# Pictures of what the numbers measure.


rule figure:
    input:
        project.report.inputs,
    output:
        report(
            paths.FIGURE,
            category="Figures",
            caption="../report/figure.rst",
            labels={"table": "{table}", "scale": "{scale}", "part": "{part}"},
        ),
    log:
        paths.log("{part}/figures/{table}"),
    benchmark:
        paths.benchmark("{part}/figures/{table}")
    conda:
        "../../environment.yml"
    params:
        headers=project.report.headers,
        tasks=project.report.tasks,
        size=project.plan.size,
    message:
        "Lay the translations of {wildcards.table} side by side"
    script:
        "../scripts/figure.py"


rule current_figure:
    input:
        project.plan.template(paths.FIGURE),
    output:
        paths.CURRENT_FIGURE,
    log:
        paths.log("current/figures/{table}", paths.RESULTS),
    conda:
        "../../environment.yml"
    message:
        "Copy the figure of {wildcards.table} of this configuration to results/"
    shell:
        "cp {input} {output} 2> {log}"


rule figures:
    input:
        project.report.current(),
    message:
        "All figures are made"
