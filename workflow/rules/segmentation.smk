# The segmentation network of one's own, and the scores of real photos.


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
        "python -m eval drn-train --images {params.images}/trainA --labels {params.images}/trainA_labels"
        " --out {output} {params.recipe} --threads {threads} > {log} 2>&1"


rule drn:
    input:
        project.segmentation.trained_networks(),
    message:
        "Networks of one's own are there for every dataset that is scored by segmentation"


rule real_segmentation:
    input:
        data=project.evaluate.manifest,
        drn=project.segmentation.network_input,
    output:
        paths.REAL_SEGMENTATION,
    log:
        paths.log("real/{test_task}.segmentation"),
    benchmark:
        paths.benchmark("real/{test_task}.segmentation")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        images=project.evaluate.targets,
        labels=project.segmentation.labels,
        network=project.segmentation.network_arguments,
        code=code.digest(*SEGMENTATION),
    message:
        "Score the real photos of {wildcards.test_task}: the ceiling of the column mAP"
    shell:
        "python -m eval segmentation --images {params.images} --labels {params.labels}"
        " {params.network} --out {output} --threads {threads} > {log} 2>&1"
