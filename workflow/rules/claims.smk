# The ledger of the paper's claims. No input: it takes what is there, and nothing is made for it.


rule claims:
    log:
        project.plan.file(paths.log("claims")),
    conda:
        "../../environment.yml"
    params:
        base=str(project.plan.base),
    message:
        "Hold the paper's claims against the numbers that are there"
    script:
        "../scripts/claims.py"
