# All of which tables, figures and curves are made again, on a machine that trains nothing: workflow/rebuild.py.


rule archive:
    input:
        made=project.archive.made(),
        evidence=project.archive.evidence(),
    output:
        paths.ARCHIVE,
    log:
        project.plan.file(paths.log("archive")),
    conda:
        "../../environment.yml"
    params:
        base=str(project.plan.base),
        lock=Path(workflow.basedir, "requirements.lock"),
    message:
        "Archive what the tables of this configuration are made of"
    script:
        "../scripts/archive.py"
