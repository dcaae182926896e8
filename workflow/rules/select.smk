# Checkpoint selection `best`: of the generators saved during training, the one with the lowest distance on the test set.


rule select:
    input:
        generator=paths.GENERATOR,
        data=project.evaluate.manifest,
        paired=paths.REAL_PAIRED,
        sources=paths.UNTRANSLATED_FEATURES,
        weights=project.weights.features(),
    output:
        generator=paths.SELECTED,
        report=paths.SELECTION_REPORT,
    log:
        paths.log("select/{task}_{variant}_seed{seed}_{test_task}"),
    benchmark:
        paths.benchmark("select/{task}_{variant}_seed{seed}_{test_task}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        run=subpath(input.generator, parent=True),
        images=project.evaluate.sources,
        backward=project.evaluate.backward,
        extractor=project.evaluate.extractor(),
        code=code.digest(*SELECTION),
    message:
        "Select the best generator of {wildcards.variant} for {wildcards.test_task} on its test set"
    shell:
        "python -m eval select --run {params.run} --images {params.images} --real-paired {input.paired}"
        " --source-features {input.sources} --out {output.generator} --report {output.report}"
        " {params.backward} {params.extractor} --threads {threads} > {log} 2>&1"
