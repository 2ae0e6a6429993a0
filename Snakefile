"""Touchstone: datasets of real and AI-generated images.

What goes in: a dataset file, the cards of its origins (config/), and what the cards point to.
What comes out: results/<dataset>/ with the packed shards, manifest, dataset card and report.
"""

from snakemake.utils import min_version

# Below 9.11 a touched script reruns its jobs whatever rerun-triggers say.
min_version("9.11")


configfile: f"{workflow.basedir}/config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/resources.smk"


rule all:
    default_target: True
    input:
        tables(),
        built("shards"),
        built("packed"),
        published(),
        [exported(form) for form in CATALOGUE.dataset["exports"]],
    localrule: True


for origin in CATALOGUE.origins:

    rule:  # everything of one origin, by its name: snakemake demo_sd
        name:
            origin
        input:
            f"results/origins/{origin}/index.parquet",
            built("shards", origin),
        localrule: True


include: "workflow/rules/plan.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/list.smk"
include: "workflow/rules/draw.smk"
include: "workflow/rules/scrape.smk"
include: "workflow/rules/take.smk"
include: "workflow/rules/screen.smk"
include: "workflow/rules/split.smk"
include: "workflow/rules/pack.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/publish.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/export.smk"


onerror:
    print("Stopped. The next run goes on from what is done. Logs: logs/, .snakemake/")
