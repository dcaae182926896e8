# Seconds per iteration: all variants in one process on one device, so that their ratios mean something.
# It comes first, as waiting until all cores are free would leave some of them idle.


rule timing:
    input:
        project.weights.timing,
    output:
        project.plan.timing_file,
    log:
        project.plan.file(paths.log("timing")),
    benchmark:
        project.plan.file(paths.benchmark("timing"))
    priority: 1
    conda:
        "../../environment.yml"
    threads: workflow.cores
    params:
        variants=project.timing.variants,
        code=project.timing.code(),
        size=project.plan.size,
        warmup=project.plan.config.timing.warmup,
        iterations=project.plan.config.timing.iterations,
        compute=project.plan.config.compute.model_dump_json(exclude_none=True),
    message:
        "Time an iteration of each variant, taking turns"
    shell:
        "python -m eval.timing --allow-failures --variants {params.variants:q} --size {params.size} --warmup {params.warmup}"
        " --iterations {params.iterations} --compute {params.compute:q} --threads {threads} --out {output} > {log} 2>&1"
