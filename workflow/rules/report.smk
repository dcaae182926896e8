# Pictures of what the numbers measure.


rule figure:
    input:
        project.report.inputs,
    output:
        report(
            paths.FIGURE,
            category="Figures",
            caption="../report/figure.rst",
            labels={"task": "{test_task}", "scale": "{scale}", "part": "{part}"},
        ),
    log:
        paths.log("{part}/figures/{test_task}"),
    benchmark:
        paths.benchmark("{part}/figures/{test_task}")
    conda:
        "../../environment.yml"
    params:
        planned=project.report.planned,
        code=code.digest("eval.figures.comparison"),
    message:
        "Lay the translations of {wildcards.test_task} side by side"
    script:
        "../scripts/figure.py"


rule current_figure:
    input:
        project.plan.template(paths.FIGURE),
    output:
        paths.CURRENT_FIGURE,
    log:
        paths.log("current/figures/{test_task}", paths.RESULTS),
    conda:
        "../../environment.yml"
    message:
        "Copy the figure of {wildcards.test_task} of this configuration to results/"
    shell:
        "cp {input} {output} 2> {log}"


rule figures:
    input:
        project.report.current(),
    message:
        "All figures are made"
