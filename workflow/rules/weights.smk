# Published weights, found or fetched where Snakemake runs: compute nodes often see no internet.
# Jobs take the records as ancient: a file that was lost and is found again is the same, and makes none of them run.


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
