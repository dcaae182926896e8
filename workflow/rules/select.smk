# Checkpoint selection `best`: of the generators saved during training, the one with the lowest FID on the test set.


rule select:
    input:
        generator="results/runs/{scale}/{task}/{variant}/seed{seed}/generator.safetensors",
        data=project.target_data,
        paired="results/real/{scale}/{target}/paired.npz",
        weights=project.weights.features(),
    output:
        generator="results/runs/{scale}/{task}/{variant}/seed{seed}/selected/{target}.safetensors",
        report="results/runs/{scale}/{task}/{variant}/seed{seed}/selected/{target}.json",
    log:
        "results/logs/{scale}/select/{task}_{variant}_seed{seed}_{target}.log",
    benchmark:
        "results/benchmarks/{scale}/select/{task}_{variant}_seed{seed}_{target}.tsv"
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
        "python -m workflow.job eval select --run {params.run} --images {params.images} --real-paired {input.paired}"
        " --out {output.generator} --report {output.report} --direction {params.way} {params.extractor}"
        " --threads {threads} > {log} 2>&1"
