# Test sets translated and scored: Fréchet distance, precision & recall and, where a table asks for it, segmentation.


rule real_features:
    input:
        data=project.evaluate.manifest,
        weights=project.weights.features(),
    output:
        full=paths.REAL_FULL,
        paired=paths.REAL_PAIRED,
    log:
        paths.log("real/{test_task}"),
    benchmark:
        paths.benchmark("real/{test_task}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        targets=project.evaluate.targets,
        sources=project.evaluate.sources,
        preparation=project.evaluate.preparation(),
        extractor=project.evaluate.extractor(),
        code=code.digest(*FEATURES),
    message:
        "Extract the features of the real test images of {wildcards.test_task}"
    shell:
        "python -m eval features --images {params.targets} --sources {params.sources} --out {output.full}"
        " --paired-out {output.paired} {params.preparation} {params.extractor} --threads {threads} > {log} 2>&1"


use rule real_features as real_features_beside with:
    input:
        data=project.evaluate.manifest,
        weights=project.weights.features_beside,
    output:
        full=paths.REAL_BESIDE["full"],
        paired=paths.REAL_BESIDE["paired"],
    log:
        paths.log("real/{test_task}.{extractor}"),
    benchmark:
        paths.benchmark("real/{test_task}.{extractor}")
    params:
        targets=project.evaluate.targets,
        sources=project.evaluate.sources,
        preparation=project.evaluate.preparation(),
        extractor=project.evaluate.extractor_beside,
        code=code.digest(*FEATURES),
    message:
        "Extract the features of the real test images of {wildcards.test_task} by {wildcards.extractor}"


rule evaluate:
    input:
        unpack(project.segmentation.inputs),
        generator=project.evaluate.generator,
        record=paths.RECORD,
        full=paths.REAL_FULL,
        paired=paths.REAL_PAIRED,
        weights=project.weights.features(),
    output:
        images=directory(paths.TRANSLATED),
        scores=paths.SCORES,
        features=paths.FEATURES,
    log:
        paths.log("evaluate/{task}_{variant}_seed{seed}_{test_task}.{selection}"),
    benchmark:
        paths.benchmark("evaluate/{task}_{variant}_seed{seed}_{test_task}.{selection}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        sources=project.evaluate.sources,
        backward=project.evaluate.backward,
        k=project.plan.config.features.k,
        extractor=project.evaluate.extractor(),
        segmentation=project.segmentation.arguments,
        code=code.digest(*SCORES),
    message:
        "Translate and score the test images of {wildcards.test_task} with {wildcards.variant}, seed {wildcards.seed}"
    shell:
        "python -m eval evaluate --generator {input.generator} --sources {params.sources} {params.backward}"
        " --images {output.images} --run-json {input.record} --task {wildcards.test_task}"
        " --selection {wildcards.selection} --real-paired {input.paired} --real-full {input.full} -k {params.k}"
        " --out {output.scores} --features-out {output.features} {params.extractor} {params.segmentation}"
        " --threads {threads} > {log} 2>&1"


# Features by extractors beside the scale's first: of these only distances are measured, by the next rule.
rule features_beside:
    input:
        images=paths.TRANSLATED,
        weights=project.weights.features_beside,
    output:
        paths.FEATURES_BESIDE,
    log:
        paths.log("features/{task}_{variant}_seed{seed}_{test_task}.{selection}.{extractor}"),
    benchmark:
        paths.benchmark("features/{task}_{variant}_seed{seed}_{test_task}.{selection}.{extractor}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        size=project.plan.size,
        extractor=project.evaluate.extractor_beside,
        code=code.digest(*FEATURES),
    message:
        "Extract the features of {input.images} by {wildcards.extractor}"
    shell:
        "python -m eval features --images {input.images} --out {output} --size {params.size} {params.extractor}"
        " --threads {threads} > {log} 2>&1"


# How sure the scores are, and what features tell beyond them. Scores do not wait for it.
rule uncertainty:
    input:
        scores=paths.SCORES,
        images=paths.TRANSLATED,
        features=paths.FEATURES,
        sources=paths.UNTRANSLATED_FEATURES,
        full=paths.REAL_FULL,
        paired=paths.REAL_PAIRED,
        beside=project.evaluate.beside(paths.FEATURES_BESIDE),
    output:
        record=paths.UNCERTAINTY,
        replicates=paths.REPLICATES,
        content=paths.CONTENT,
    log:
        paths.log("uncertainty/{task}_{variant}_seed{seed}_{test_task}.{selection}"),
    benchmark:
        paths.benchmark("uncertainty/{task}_{variant}_seed{seed}_{test_task}.{selection}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        compared=project.evaluate.compared,
        settings=project.evaluate.resampling(),
        code=code.digest(*RESAMPLING),
    message:
        "Resample the test images of {wildcards.test_task} as {wildcards.variant}, seed {wildcards.seed}, translated them"
    shell:
        "python -m eval.uncertainty --features {input.features} --images {input.images} --real-paired {input.paired}"
        " --real-full {input.full} --task {wildcards.test_task} --out {output.record}"
        " --replicates-out {output.replicates} --content-out {output.content} {params.compared} {params.settings}"
        " --beside {input.beside} > {log} 2>&1"


# What a translation has to beat: the test images themselves, scored as translations are.
rule untranslated:
    input:
        unpack(project.segmentation.inputs),
        data=project.evaluate.manifest,
        full=paths.REAL_FULL,
        paired=paths.REAL_PAIRED,
        weights=project.weights.features(),
    output:
        images=directory(paths.UNTRANSLATED_IMAGES),
        scores=paths.UNTRANSLATED_SCORES,
        features=paths.UNTRANSLATED_FEATURES,
    log:
        paths.log("untranslated/{test_task}"),
    benchmark:
        paths.benchmark("untranslated/{test_task}")
    conda:
        "../../environment.yml"
    threads: 1
    params:
        sources=project.evaluate.sources,
        size=project.plan.size,
        k=project.plan.config.features.k,
        extractor=project.evaluate.extractor(),
        segmentation=project.segmentation.arguments,
        code=code.digest(*SCORES),
    message:
        "Score the untranslated test images of {wildcards.test_task}"
    shell:
        "python -m eval reference --sources {params.sources} --images {output.images} --size {params.size}"
        " --task {wildcards.test_task} --scale {wildcards.scale} --real-paired {input.paired} --real-full {input.full}"
        " -k {params.k} --out {output.scores} --features-out {output.features} {params.extractor} {params.segmentation}"
        " --threads {threads} > {log} 2>&1"


use rule features_beside as features_of_untranslated_beside with:
    input:
        images=paths.UNTRANSLATED_IMAGES,
        weights=project.weights.features_beside,
    output:
        paths.UNTRANSLATED_BESIDE,
    log:
        paths.log("features/untranslated_{test_task}.{extractor}"),
    benchmark:
        paths.benchmark("features/untranslated_{test_task}.{extractor}")


use rule uncertainty as uncertainty_of_untranslated with:
    input:
        scores=paths.UNTRANSLATED_SCORES,
        images=paths.UNTRANSLATED_IMAGES,
        features=paths.UNTRANSLATED_FEATURES,
        full=paths.REAL_FULL,
        paired=paths.REAL_PAIRED,
        beside=project.evaluate.beside(paths.UNTRANSLATED_BESIDE),
    output:
        record=paths.UNTRANSLATED_UNCERTAINTY,
        replicates=paths.UNTRANSLATED_REPLICATES,
        content=paths.UNTRANSLATED_CONTENT,
    log:
        paths.log("uncertainty/untranslated_{test_task}"),
    benchmark:
        paths.benchmark("uncertainty/untranslated_{test_task}")
    params:
        compared=project.evaluate.truths,
        settings=project.evaluate.resampling(),
        code=code.digest(*RESAMPLING),
    message:
        "Resample the untranslated test images of {wildcards.test_task}"
