# The page of results. No input: it takes what is there, and nothing is made for it.


rule publish:
    log:
        project.plan.file(paths.log("publish")),
    conda:
        "../../environment.yml"
    params:
        base=str(project.plan.base),
    message:
        "Write docs/results.md, its files and its pictures"
    script:
        "../scripts/publish.py"
