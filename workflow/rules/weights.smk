# Published weights, found or fetched where Snakemake runs: compute nodes often see no internet.


rule published_weights:
    output:
        paths.WEIGHTS,
    log:
        paths.log("weights/{weights}", paths.RESULTS),
    benchmark:
        paths.benchmark("weights/{weights}", paths.RESULTS)
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
        project.plan.file(paths.log("weights")),
    conda:
        "../../environment.yml"
    params:
        command=project.weights.command(),
    message:
        "See that all published weights are in place"
    shell:
        "{params.command} > {log} 2>&1"
