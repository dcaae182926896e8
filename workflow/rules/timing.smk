# Seconds per iteration: all variants in one process on one device, so that their ratios mean something.
# It comes first, as waiting until all cores are free would leave some of them idle.


rule timing:
    input:
        project.weights.timing,
    output:
        project.timing_file,
    log:
        project.log("timing"),
    benchmark:
        project.benchmark("timing")
    priority: 1
    conda:
        "../../environment.yml"
    threads: workflow.cores
    params:
        variants=project.timing_variants,
        code=project.trainings.timed_code(),
        size=project.size,
        warmup=project.config.timing.warmup,
        iterations=project.config.timing.iterations,
        compute=project.config.compute.model_dump_json(exclude_none=True),
    message:
        "Time an iteration of each variant, taking turns"
    shell:
        "python -m eval.timing --allow-failures --variants {params.variants:q} --size {params.size} --warmup {params.warmup}"
        " --iterations {params.iterations} --compute {params.compute:q} --threads {threads} --out {output} > {log} 2>&1"
