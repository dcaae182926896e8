# Image sets in the standard layout (trainA, trainB, testA, testB), each with a manifest of every file's hash.


rule demo_data:
    message:
        "Draw the procedural images of {wildcards.dataset}"
    output:
        "results/data/{scale}/{dataset}/manifest.json",
    params:
        folder=subpath(output[0], parent=True),
        root=subpath(output[0], ancestor=2),
        size=project.config.data.size,
        seed=project.config.data.seed,
        counts=project.config.data.scale_counts,
    wildcard_constraints:
        dataset=project.dataset_pattern("demo"),
    log:
        "results/logs/{scale}/data/{dataset}.log",
    benchmark:
        "results/benchmarks/{scale}/data/{dataset}.tsv"
    conda:
        "../../environment.yml"
    shell:
        "(rm -rf {params.folder} && python -m enco.data demo --dataset {wildcards.dataset} --out {params.root}"
        " --size {params.size} --seed {params.seed} --scale-counts {params.counts}) > {log} 2>&1"


rule folder_data:
    message:
        "Check the images of {wildcards.dataset} and link them into place"
    output:
        "results/data/{scale}/{dataset}/manifest.json",
    params:
        folder=subpath(output[0], parent=True),
        source=lambda wildcards: project.source_folder(wildcards.dataset),
    wildcard_constraints:
        dataset=project.dataset_pattern("folder"),
    log:
        "results/logs/{scale}/data/{dataset}.log",
    benchmark:
        "results/benchmarks/{scale}/data/{dataset}.tsv"
    conda:
        "../../environment.yml"
    shell:
        "(rm -rf {params.folder} && python -m enco.data link {params.source:q} --out {params.folder}) > {log} 2>&1"


rule data:
    message:
        "All image sets are in place"
    input:
        project.manifests(),
