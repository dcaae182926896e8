# Image sets in the standard layout (trainA, trainB, testA, testB), each with a manifest of every file's hash.


rule demo_data:
    output:
        paths.MANIFEST,
    log:
        paths.log("data/{dataset}"),
    benchmark:
        paths.benchmark("data/{dataset}")
    wildcard_constraints:
        dataset=project.data.pattern("demo"),
    conda:
        "../../environment.yml"
    params:
        root=subpath(output[0], ancestor=2),
        size=project.plan.config.data.size,
        seed=project.plan.config.data.seed,
        counts=project.plan.config.data.scale_counts,
        drawing=project.data.drawing,
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
        dataset=project.data.pattern("folder"),
    conda:
        "../../environment.yml"
    params:
        folder=subpath(output[0], parent=True),
        source=project.data.own_folder,
        state=project.data.own_state,
        expected=project.data.expected,
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
        dataset=project.data.pattern("archives"),
    conda:
        "../../environment.yml"
    params:
        archives=project.data.archive_arguments,
        published=project.data.archive_facts,
    message:
        "Find or fetch the archives of {wildcards.dataset}"
    shell:
        "python -m enco.datasets fetch {params.archives} --record {output} > {log} 2>&1"


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
        dataset=project.data.pattern("archives"),
    conda:
        "../../environment.yml"
    params:
        folder=subpath(output[0], parent=True),
        archives=project.data.archive_arguments,
        photo_filter=project.data.photo_filter,
    message:
        "Unpack and check the images of {wildcards.dataset}"
    shell:
        "python -m enco.datasets prepare {params.archives} --fetched {input}"
        " --out {params.folder:q} --replace {params.photo_filter} > {log} 2>&1"


rule data:
    input:
        project.data.manifests(),
    message:
        "All image sets are in place"


rule check_data:
    log:
        project.plan.file(paths.log("check_data")),
    conda:
        "../../environment.yml"
    params:
        tasks={name: task.model_dump(mode="json") for name, task in project.plan.tasks.items()},
        catalogue=project.data.catalogue,
        data_paths=project.data.data_paths,
        expected=project.data.counts(),
        weights=project.weights.all(),
        network=project.segmentation.file,
    message:
        "Say what is there of every task's images and of the published weights"
    script:
        "../scripts/check_data.py"
