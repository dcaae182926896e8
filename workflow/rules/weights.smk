# Published weights, found or fetched where Snakemake runs: compute nodes often see no internet.
# Jobs take the records as ancient, and a failed call keeps them: a file that is found again makes no job run again.


rule published_weights:
    output:
        update("results/weights/{weights}.json"),
    log:
        "results/logs/weights/{weights}.log",
    benchmark:
        "results/benchmarks/weights/{weights}.tsv"
    conda:
        "../../environment.yml"
    params:
        file=project.weights.arguments,
        lost=project.weights.lost,
    message:
        "Find or fetch the published weights {wildcards.weights}"
    shell:
        "python -m eval weights {params.file} --out {output} > {log} 2>&1"


rule weights:
    input:
        project.weights.all(),
    message:
        "All published weights are in place"
