"""Results into one MultiQC report: a verdict in plain words, then figure by figure.

`seformer report --out OUT [--parameters FILE] [--versions FILE] [--title T] FOLDER...` writes
`*_mqc.json`, `*_mqc.html`, `*_mqc_versions.yml` and `multiqc_config.yml` into OUT;
`multiqc --config OUT/multiqc_config.yml --outdir REPORT OUT` makes the page.

What is read
------------
Each FOLDER holds one folder per sample, `FOLDER/<sample>/...`; below it a file is recognised by
its name, at any depth. Everything is optional, and one sample may be spread over several FOLDERs
(one per stage, for instance). So a published results folder works as it is, and in a pipeline
the folders `extract/<sample>/`, `head/<sample>/`, `predict/1/<sample>/<bed>/` ... work too, given
as `extract head predict/*`.

===============================  ==========================================================
file                             columns or keys used
===============================  ==========================================================
`regions.tsv`                    `label length gc drop_reason` and, after the split, `split`
`history.tsv` (each stage)       `stage epoch step train_loss validation_loss validation_auroc`
                                 `learning_rate seconds`; several files are joined by `stage`;
                                 below `fold_K`, `seed_K` it is one training of several
`audit.json`                     the leakage audit; also directly in FOLDER, for all samples
`transfer.json`                  the samples' models on one another, directly in FOLDER
`passed_over.json`               directly in FOLDER: a file that had no region on the genome
`metrics.json`, `curves.json`    written by `seformer evaluate`
  the same with `judged`         written by `seformer judge`; the folder's name is the file's
`seformer.json`                  settings of the model (the final model folder's)
`predictions.tsv`                `logit probability prediction coverage flags`; the folder's name
                                 is the BED's; also `predictions/<bed>.tsv`; a `summary.json`
                                 (or `<bed>.summary.json`) beside it is read if there
`attributions.tsv`               the completeness table of `seformer explain`, one row per region;
                                 named like the predictions; also `attributions/<bed>.tsv`;
                                 `attributions_windows.tsv` (`attributions/windows/<bed>.tsv`)
                                 beside it is read if there
`variants.tsv`                   written by `seformer variants`, with its `summary.json`; also
                                 `variants/<file>.tsv` and `<file>.summary.json`
`patterns.tsv`                   written by `seformer modisco`, with its `summary.json`
`motifs.tsv`                     written by `seformer motifs`, with the `summary.json` and the
                                 pictures in `logos/` beside it; the folder's name is the BED's
===============================  ==========================================================

The folders `model`, `pipeline_info`, `multiqc`, `fold_K` and hidden ones are not samples. A
`regions.tsv` with the column `split` wins over one without.

`--parameters` is a JSON object (`{"input": "sheet.csv", ...}`), nested groups allowed.
`--run` is a JSON object of texts, which the header shows (`{"Command": "nextflow run …"}`).
`--versions` is YAML of two levels, `PROCESS: {software: version}`, as pipelines collect it.
"""
