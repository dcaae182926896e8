# Checkpoint selection `best`: of the generators saved during training, the one with the lowest FID on the test set.


rule select:
    input:
        generator=paths.GENERATOR,
        data=project.target_data,
        paired=paths.REAL_PAIRED,
        weights=project.weights.features(),
    output:
        generator=paths.SELECTED,
        report=paths.SELECTION_REPORT,
    log:
        paths.log("select/{task}_{variant}_seed{seed}_{target}"),
    benchmark:
        paths.benchmark("select/{task}_{variant}_seed{seed}_{target}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        run=subpath(input.generator, parent=True),
        images=project.test_sources,
        way=project.way,
        extractor=project.extractor(),
    message:
        "Select the best generator of {wildcards.variant} for {wildcards.target} on its test set"
    shell:
        "python -m workflow.jobs.forkserver eval select --run {params.run} --images {params.images} --real-paired {input.paired}"
        " --out {output.generator} --report {output.report} --direction {params.way} {params.extractor}"
        " --threads {threads} > {log} 2>&1"
