# Published weights, found or fetched where Snakemake runs: compute nodes often see no internet.


rule published_weights:
    output:
        "results/weights/{weights}.json",
    log:
        "results/logs/weights/{weights}.log",
    benchmark:
        "results/benchmarks/weights/{weights}.tsv"
    conda:
        "../../environment.yml"
    params:
        file=project.weights.arguments,
    message:
        "Find or fetch the published weights {wildcards.weights}"
    shell:
        "python -m eval weights {params.file} --out {output} > {log} 2>&1"


# A record that is made again would make every job behind it run again: files that were lost are fetched here.
rule weights:
    input:
        project.weights.all(),
    log:
        "results/logs/weights.log",
    conda:
        "../../environment.yml"
    params:
        command=project.weights.command(),
    message:
        "See that all published weights are in place"
    shell:
        "{params.command} > {log} 2>&1"
