# The generators that the methods' authors published: found or fetched, imported, and scored as trainings are.


# A generator that is not to be had is no error: its record says why, and the next call tries again.
checkpoint imported_generator:
    output:
        paths.IMPORTED_RECORD,
    log:
        paths.log("released/{released}", paths.RESULTS),
    conda:
        "../../environment.yml"
    params:
        arguments=project.released.arguments,
        facts=project.released.facts,
        attempt=project.released.attempt,
        generator=subpath(output[0], parent=True),
    message:
        "Find or fetch the published generator {wildcards.released} and import it"
    shell:
        "python -m eval.released {params.arguments} --out {params.generator}/generator.safetensors"
        " --record {output} --attempt {params.attempt} > {log} 2>&1"


rule released_scores:
    input:
        unpack(project.segmentation.inputs),
        record=paths.IMPORTED_RECORD,
        full=paths.REAL_FULL,
        paired=paths.REAL_PAIRED,
        weights=project.weights.features(),
    output:
        images=directory(paths.RELEASED_IMAGES),
        scores=paths.RELEASED_SCORES,
        features=paths.RELEASED_FEATURES,
    log:
        paths.log("released/{released}_{test_task}"),
    benchmark:
        paths.benchmark("released/{released}_{test_task}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        generator=subpath(input.record, parent=True),
        sources=project.evaluate.sources,
        backward=project.released.backward,
        k=project.plan.config.features.k,
        extractor=project.evaluate.extractor(),
        segmentation=project.segmentation.arguments,
        code=code.digest(*SCORES),
    message:
        "Translate and score the test images of {wildcards.test_task} with the published generator {wildcards.released}"
    shell:
        "python -m eval imported --generator {params.generator}/generator.safetensors --sources {params.sources}"
        " {params.backward} --images {output.images} --task {wildcards.test_task} --scale {wildcards.scale}"
        " --real-paired {input.paired} --real-full {input.full} -k {params.k} --out {output.scores}"
        " --features-out {output.features} {params.extractor} {params.segmentation} --threads {threads} > {log} 2>&1"


use rule features_beside as features_of_released_beside with:
    input:
        images=paths.RELEASED_IMAGES,
        weights=project.weights.features_beside,
    output:
        paths.RELEASED_BESIDE,
    log:
        paths.log("features/released_{released}_{test_task}.{extractor}"),
    benchmark:
        paths.benchmark("features/released_{released}_{test_task}.{extractor}")


use rule uncertainty as uncertainty_of_released with:
    input:
        scores=paths.RELEASED_SCORES,
        images=paths.RELEASED_IMAGES,
        features=paths.RELEASED_FEATURES,
        sources=paths.UNTRANSLATED_FEATURES,
        full=paths.REAL_FULL,
        paired=paths.REAL_PAIRED,
        beside=project.evaluate.beside(paths.RELEASED_BESIDE),
    output:
        record=paths.RELEASED_UNCERTAINTY,
        replicates=paths.RELEASED_REPLICATES,
        content=paths.RELEASED_CONTENT,
    log:
        paths.log("uncertainty/released_{released}_{test_task}"),
    benchmark:
        paths.benchmark("uncertainty/released_{released}_{test_task}")
    message:
        "Resample the test images of {wildcards.test_task} as the published generator {wildcards.released} translated them"


rule released_table:
    input:
        records=project.released.records,
        scores=lambda wildcards: project.released.scores(checkpoints.imported_generator.get),
        published=project.plan.published,
    output:
        **project.released.outputs(),
    log:
        project.plan.template(paths.log("{part}/released")),
    conda:
        "../../environment.yml"
    params:
        table=project.released.table,
        provenance=project.released.provenance(),
        code=code.digest("eval.released.table"),
    message:
        "Write the table of the generators that the methods' authors published"
    script:
        "../scripts/released_table.py"


rule released:
    input:
        project.released.current(),
    message:
        "The published generators are scored, as far as they are to be had"
