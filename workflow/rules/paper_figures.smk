# The figures of the paper that show networks and translations.


# Checkpoints and probes are no declared outputs of a training: where a run lacks them, the caption says so.
rule paper_figure:
    input:
        project.paper_figures.inputs,
    output:
        pdf=paths.PAPER_FIGURE["pdf"],
        txt=paths.PAPER_FIGURE["txt"],
        png=report(
            paths.PAPER_FIGURE["png"],
            category="Figures of the paper",
            caption="../report/paper_figure.rst",
            labels={"figure": "{figure}", "scale": "{scale}", "part": "{part}"},
        ),
    log:
        paths.log("{part}/paper_figures/{figure}"),
    benchmark:
        paths.benchmark("{part}/paper_figures/{figure}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        planned=project.paper_figures.planned,
        choices=project.paper_figures.choices,
        provenance=project.tables.provenance(),
        code=code.digest("eval.figures.paper.draw"),
    message:
        "Draw {wildcards.figure} of the paper"
    script:
        "../scripts/paper_figure.py"


rule current_paper_figure:
    input:
        **{kind: project.plan.template(path) for kind, path in paths.PAPER_FIGURE.items()},
    output:
        **paths.CURRENT_PAPER_FIGURE,
    log:
        paths.log("current/paper_figures/{figure}", paths.RESULTS),
    conda:
        "../../environment.yml"
    params:
        folder=subpath(output.pdf, parent=True),
    message:
        "Copy {wildcards.figure} of this configuration to results/"
    shell:
        "cp {input} {params.folder}/ 2> {log}"


rule paper_figures:
    input:
        project.paper_figures.current(),
    message:
        "The figures of the paper are drawn"


# No input: it takes what is there, and nothing is made for it.
rule paper_figures_so_far:
    log:
        project.plan.file(paths.log("paper_figures_so_far")),
    conda:
        "../../environment.yml"
    params:
        base=str(project.plan.base),
    message:
        "Draw the figures of the paper as far as they can be drawn"
    script:
        "../scripts/paper_figures_so_far.py"
