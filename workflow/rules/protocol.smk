# How far each choice of the protocol moves the numbers. Translated images and their features are those of the tables.


rule real_alternatives:
    input:
        data=project.evaluate.manifest,
        weights=project.weights.features(),
    output:
        directory(paths.REAL_ALTERNATIVES),
    log:
        paths.log("protocol/{test_task}"),
    benchmark:
        paths.benchmark("protocol/{test_task}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        targets=project.evaluate.targets,
        alternatives=project.protocol.real_alternatives,
        code=code.digest("eval.sensitivity.real", *FEATURES),
        preparation=project.evaluate.preparation(),
        extractor=project.evaluate.extractor(),
    message:
        "Extract the features of the real test images of {wildcards.test_task} under other choices"
    shell:
        "python -m eval sensitivity real --images {params.targets} --out {output} --alternatives {params.alternatives:q}"
        " {params.preparation} {params.extractor} --threads {threads} > {log} 2>&1"


rule measure_alternatives:
    input:
        images=paths.TRANSLATED,
        features=paths.FEATURES,
        paired=paths.REAL_PAIRED,
        real=paths.REAL_ALTERNATIVES,
        weights=project.weights.features(),
        drn=project.protocol.segmentation_inputs,
    output:
        paths.MEASURED,
    log:
        paths.log("protocol/{task}_{variant}_seed{seed}_{test_task}.{selection}"),
    benchmark:
        paths.benchmark("protocol/{task}_{variant}_seed{seed}_{test_task}.{selection}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        alternatives=project.protocol.measured_alternatives,
        code=code.digest("eval.sensitivity.measure", *SCORES),
        k=project.plan.config.features.k,
        extractor=project.evaluate.extractor(),
        segmentation=project.protocol.segmentation_arguments,
    message:
        "Score {wildcards.variant} on {wildcards.test_task}, seed {wildcards.seed}, under other choices"
    shell:
        "python -m eval sensitivity measure --images {input.images} --features {input.features}"
        " --real-paired {input.paired} --real-alternatives {input.real} --task {wildcards.test_task} -k {params.k}"
        " --alternatives {params.alternatives:q} --out {output} {params.extractor} {params.segmentation}"
        " --threads {threads} > {log} 2>&1"


rule protocol_table:
    input:
        project.protocol.inputs,
    output:
        **paths.PROTOCOL,
    log:
        paths.log("{part}/protocol"),
    benchmark:
        paths.benchmark("{part}/protocol")
    conda:
        "../../environment.yml"
    params:
        spec=project.protocol.spec,
        cells=project.protocol.planned_cells,
        planned=project.protocol.planned,
        alternatives=project.protocol.alternatives,
        provenance=project.tables.provenance(),
        code=code.digest("eval.sensitivity.write"),
    message:
        "Write how far the choices of the protocol move the numbers"
    script:
        "../scripts/protocol.py"


rule current_protocol:
    input:
        **project.protocol.files(paths.PROTOCOL),
    output:
        **paths.CURRENT_PROTOCOL,
    log:
        paths.log("current/protocol", paths.RESULTS),
    conda:
        "../../environment.yml"
    params:
        folder=subpath(output.csv, parent=True),
    message:
        "Copy the protocol's error budget of this configuration to results/"
    shell:
        "cp {input} {params.folder}/ 2> {log}"


rule protocol:
    input:
        list(paths.CURRENT_PROTOCOL.values()),
    message:
        "It is measured how far the choices of the protocol move the numbers"
