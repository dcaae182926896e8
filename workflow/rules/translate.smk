# Every test image of a task's source domain through a trained generator.


rule translate:
    input:
        generator="results/runs/{scale}/{task}/{variant}/seed{seed}/generator.safetensors",
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
