# Training. Checkpoints lie beside the declared outputs, undeclared, so that a killed run goes on from them.


rule tracking_store:
    output:
        touch(paths.STORE_READY),
    log:
        paths.log("tracking_store", paths.RESULTS),
    conda:
        "../../environment.yml"
    message:
        "Open the MLflow store once, before any job uses it"
    shell:
        "python -m enco.tracking init > {log} 2>&1 || cat {log}"


rule train:
    input:
        data=project.train.manifest,
        store=project.train.tracking_store(),
        weights=project.weights.training,
    output:
        generator=paths.GENERATOR,
        record=paths.RECORD,
    log:
        paths.TRAIN_LOG,
    benchmark:
        paths.benchmark("train/{task}_{variant}_seed{seed}")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=1,
    params:
        plan=project.train.plan_id,
        why=project.train.why,
        settings=project.train.settings,
        flags=project.train.flags,
        folder=subpath(output.record, parent=True),
    message:
        "Train {wildcards.variant} on {wildcards.task}, seed {wildcards.seed}{params.why}"
    shell:
        "python -m enco.train --settings {params.settings:q} --out {params.folder} --threads {threads}"
        " {params.flags} > {log} 2>&1"
