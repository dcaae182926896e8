# All of which tables, figures and curves are made again, on a machine that trains nothing: workflow/rebuild.py.


rule archive:
    input:
        made=project.archive.made(),
        evidence=project.archive.evidence(),
        lock=Path(workflow.basedir, "requirements.lock"),
        published=project.plan.published,
        claims=project.plan.base / project.plan.config.claims,
    output:
        paths.ARCHIVE,
    log:
        project.plan.file(paths.log("archive")),
    conda:
        "../../environment.yml"
    message:
        "Archive what the tables of this configuration are made of"
    script:
        "../scripts/archive.py"
