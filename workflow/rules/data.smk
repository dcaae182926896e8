# Image sets in the standard layout (trainA, trainB, testA, testB), each with a manifest of every file's hash.


rule demo_data:
    output:
        paths.MANIFEST,
    log:
        paths.log("data/{dataset}"),
    benchmark:
        paths.benchmark("data/{dataset}")
    wildcard_constraints:
        dataset=project.images.pattern("demo"),
    conda:
        "../../environment.yml"
    params:
        root=subpath(output[0], ancestor=2),
        size=project.config.data.size,
        seed=project.config.data.seed,
        counts=project.config.data.scale_counts,
    message:
        "Draw the procedural images of {wildcards.dataset}"
    shell:
        "python -m enco.datasets demo --dataset {wildcards.dataset} --out {params.root:q} --replace --size {params.size}"
        " --seed {params.seed} --scale-counts {params.counts} > {log} 2>&1"


rule folder_data:
    output:
        paths.MANIFEST,
    log:
        paths.log("data/{dataset}"),
    benchmark:
        paths.benchmark("data/{dataset}")
    wildcard_constraints:
        dataset=project.images.pattern("folder"),
    conda:
        "../../environment.yml"
    params:
        folder=subpath(output[0], parent=True),
        source=project.images.own_folder,
        state=project.images.own_state,
        expected=project.images.expected,
    message:
        "Check the images of {wildcards.dataset} and link them into place"
    shell:
        "python -m enco.datasets link {params.source:q} --out {params.folder:q} --replace {params.expected} > {log} 2>&1"


rule fetch_archives:
    output:
        paths.ARCHIVES,
    log:
        paths.log("archives/{dataset}", paths.RESULTS),
    wildcard_constraints:
        dataset=project.images.pattern("archives"),
    conda:
        "../../environment.yml"
    params:
        places=project.images.archive_arguments,
        published=project.images.archive_facts,
    message:
        "Find or fetch the archives of {wildcards.dataset}"
    shell:
        "python -m enco.datasets fetch {params.places} --record {output} > {log} 2>&1"


rule archive_data:
    input:
        paths.ARCHIVES,
    output:
        paths.MANIFEST,
    log:
        paths.log("data/{dataset}"),
    benchmark:
        paths.benchmark("data/{dataset}")
    wildcard_constraints:
        dataset=project.images.pattern("archives"),
    conda:
        "../../environment.yml"
    params:
        folder=subpath(output[0], parent=True),
        places=project.images.archive_arguments,
        photo_filter=project.images.photo_filter,
    message:
        "Unpack and check the images of {wildcards.dataset}"
    shell:
        "python -m enco.datasets prepare {params.places} --fetched {input}"
        " --out {params.folder:q} --replace {params.photo_filter} > {log} 2>&1"


rule data:
    input:
        project.images.manifests(),
    message:
        "All image sets are in place"


rule check_data:
    log:
        project.log("check_data"),
    conda:
        "../../environment.yml"
    params:
        tasks={name: task.model_dump(mode="json") for name, task in project.tasks.items()},
        catalogue=project.images.catalogue,
        places=project.images.places,
        expected=project.images.counts(),
        weights=project.weights.all(),
        network=project.segmentation.file,
    message:
        "Say what is there of every task's images and of the published weights"
    script:
        "../scripts/check_data.py"
