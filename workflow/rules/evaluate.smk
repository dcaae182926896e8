# Test sets translated and scored: FID, precision & recall and, where a table asks for it, segmentation.


rule real_features:
    input:
        data=project.target_data,
        weights=project.weights.features(),
    output:
        full=paths.REAL_FULL,
        paired=paths.REAL_PAIRED,
    log:
        paths.log("real/{target}"),
    benchmark:
        paths.benchmark("real/{target}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        targets=project.test_targets,
        sources=project.test_sources,
        preparation=project.preparation(),
        extractor=project.extractor(),
    message:
        "Extract the features of the real test images of {wildcards.target}"
    shell:
        "python -m workflow.jobs.forkserver eval features --images {params.targets} --sources {params.sources} --out {output.full}"
        " --paired-out {output.paired} {params.preparation} {params.extractor} --threads {threads} > {log} 2>&1"


rule segmentation_network:
    input:
        data=paths.MANIFEST,
        trunk=project.segmentation.trunk(),
    output:
        paths.DRN,
    log:
        paths.log("drn/{dataset}"),
    benchmark:
        paths.benchmark("drn/{dataset}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        images=subpath(input.data, parent=True),
        recipe=project.segmentation.recipe(),
    message:
        "Train the segmentation network on the photos and label maps of {wildcards.dataset}"
    shell:
        "python -m workflow.jobs.forkserver eval drn-train --images {params.images}/trainA --labels {params.images}/trainA_labels"
        " --out {output} {params.recipe} --threads {threads} > {log} 2>&1"


rule drn:
    input:
        project.segmentation.trained_networks(),
    message:
        "Networks of one's own are there for every dataset that is scored by segmentation"


rule real_segmentation:
    input:
        data=project.target_data,
        drn=project.segmentation.network_input,
    output:
        paths.REAL_SEGMENTATION,
    log:
        paths.log("real/{target}.segmentation"),
    benchmark:
        paths.benchmark("real/{target}.segmentation")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        images=project.test_targets,
        labels=project.test_labels,
        network=project.segmentation.network_arguments,
    message:
        "Score the real photos of {wildcards.target}: the ceiling of the column mAP"
    shell:
        "python -m workflow.jobs.forkserver eval segmentation --images {params.images} --labels {params.labels}"
        " {params.network} --out {output} --threads {threads} > {log} 2>&1"


rule evaluate:
    input:
        unpack(project.segmentation.inputs),
        generator=project.generator,
        record=paths.RECORD,
        full=paths.REAL_FULL,
        paired=paths.REAL_PAIRED,
        weights=project.weights.features(),
    output:
        images=directory(paths.TRANSLATED),
        scores=paths.SCORES,
        features=paths.FEATURES,
    log:
        paths.log("evaluate/{task}_{variant}_seed{seed}_{target}.{selection}"),
    benchmark:
        paths.benchmark("evaluate/{task}_{variant}_seed{seed}_{target}.{selection}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        sources=project.test_sources,
        way=project.way,
        k=project.config.features.k,
        extractor=project.extractor(),
        segmentation=project.segmentation.arguments,
    message:
        "Translate and score the test images of {wildcards.target} with {wildcards.variant}, seed {wildcards.seed}"
    shell:
        "python -m workflow.jobs.forkserver eval evaluate --generator {input.generator} --sources {params.sources} --direction {params.way}"
        " --images {output.images} --run-json {input.record} --task {wildcards.target}"
        " --selection {wildcards.selection} --real-paired {input.paired} --real-full {input.full} -k {params.k}"
        " --out {output.scores} --features-out {output.features} {params.extractor} {params.segmentation}"
        " --threads {threads} > {log} 2>&1"
