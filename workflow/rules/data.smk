# Image sets in the standard layout (trainA, trainB, testA, testB), each with a manifest of every file's hash.


rule demo_data:
    output:
        "results/data/{scale}/{dataset}/manifest.json",
    log:
        "results/logs/{scale}/data/{dataset}.log",
    benchmark:
        "results/benchmarks/{scale}/data/{dataset}.tsv"
    wildcard_constraints:
        dataset=project.dataset_pattern("demo"),
    conda:
        "../../environment.yml"
    params:
        folder=subpath(output[0], parent=True),
        root=subpath(output[0], ancestor=2),
        size=project.config.data.size,
        seed=project.config.data.seed,
        counts=project.config.data.scale_counts,
    message:
        "Draw the procedural images of {wildcards.dataset}"
    shell:
        "(rm -rf {params.folder:q} && python -m enco.data demo --dataset {wildcards.dataset} --out {params.root:q}"
        " --size {params.size} --seed {params.seed} --scale-counts {params.counts}) > {log} 2>&1"


rule folder_data:
    output:
        "results/data/{scale}/{dataset}/manifest.json",
    log:
        "results/logs/{scale}/data/{dataset}.log",
    benchmark:
        "results/benchmarks/{scale}/data/{dataset}.tsv"
    wildcard_constraints:
        dataset=project.dataset_pattern("folder"),
    conda:
        "../../environment.yml"
    params:
        folder=subpath(output[0], parent=True),
        source=project.source_folder,
        state=project.source_state,
        counts=project.expected_counts,
    message:
        "Check the images of {wildcards.dataset} and link them into place"
    shell:
        "(rm -rf {params.folder:q} && python -m enco.data link {params.source:q} --out {params.folder:q} {params.counts}) > {log} 2>&1"


rule data:
    input:
        project.manifests(),
    message:
        "All image sets are in place"
