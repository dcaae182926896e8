# Seconds per iteration: all variants in one process on one device, so that their ratios mean something.


rule timing:
    message:
        "Time an iteration of each variant, taking turns"
    output:
        project.timing_file,
    params:
        variants=project.timing_variants,
        warmup=project.config.timing.warmup,
        iterations=project.config.timing.iterations,
    threads: workflow.cores
    log:
        "results/logs/timing.log",
    benchmark:
        "results/benchmarks/timing.tsv"
    conda:
        "../../environment.yml"
    shell:
        "python -m eval timing --variants {params.variants:q} --warmup {params.warmup}"
        " --iterations {params.iterations} --threads {threads} --out {output} > {log} 2>&1"
