# Every test image of a task's source domain through a trained generator: the final one, or the best of the saved ones.


rule select:
    input:
        generator="results/runs/{scale}/{task}/{variant}/seed{seed}/generator.safetensors",
        data=project.target_data,
        paired="results/real/{scale}/{target}/paired.npz",
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
        "python -m eval select --run {params.run} --images {params.images} --real-paired {input.paired}"
        " --out {output.generator} --report {output.report} --direction {params.way} {params.extractor}"
        " --threads {threads} > {log} 2>&1"


rule translate:
    input:
        generator=project.generator,
        data=project.target_data,
    output:
        directory("results/runs/{scale}/{task}/{variant}/seed{seed}/translated/{target}.{selection}"),
    log:
        "results/logs/{scale}/translate/{task}_{variant}_seed{seed}_{target}.{selection}.log",
    benchmark:
        "results/benchmarks/{scale}/translate/{task}_{variant}_seed{seed}_{target}.{selection}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        images=project.test_sources,
        way=project.way,
    message:
        "Translate the test images of {wildcards.target} with {wildcards.variant}"
    shell:
        "python -m eval translate --generator {input.generator} --images {params.images} --out {output}"
        " --direction {params.way} --threads {threads} > {log} 2>&1"
