# The report. No input: it takes what is there, and nothing is made for it.


rule report:
    log:
        project.plan.file(paths.log("report")),
    conda:
        "../../environment.yml"
    params:
        base=str(project.plan.base),
    message:
        "Write one page with all that is there"
    script:
        "../scripts/report.py"
