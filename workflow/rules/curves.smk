# Metrics of saved generators over training. They are those of checkpoint selection; nothing is selected for a table.


rule curve:
    input:
        project.curves.inputs,
    output:
        csv=paths.CURVE["csv"],
        svg=report(
            paths.CURVE["svg"],
            category="Curves",
            caption="../report/curve.rst",
            labels={"task": "{test_task}", "scale": "{scale}", "part": "{part}"},
        ),
    log:
        paths.log("{part}/curves/{test_task}"),
    benchmark:
        paths.benchmark("{part}/curves/{test_task}")
    conda:
        "../../environment.yml"
    params:
        planned=project.curves.planned,
        code=code.digest("eval.figures.curves"),
    message:
        "Draw the metrics over training of {wildcards.test_task}"
    script:
        "../scripts/curve.py"


rule current_curve:
    input:
        **{kind: project.plan.template(path) for kind, path in paths.CURVE.items()},
    output:
        **paths.CURRENT_CURVE,
    log:
        paths.log("current/curves/{test_task}", paths.RESULTS),
    conda:
        "../../environment.yml"
    params:
        folder=subpath(output.csv, parent=True),
    message:
        "Copy the curves of {wildcards.test_task} of this configuration to results/"
    shell:
        "cp {input} {params.folder}/ 2> {log}"


rule curves:
    input:
        project.curves.current(),
    message:
        "All curves are drawn"
