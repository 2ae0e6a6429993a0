"""plan: what a build will take, printed without running anything: snakemake plan."""

from touchstone.plan import print_plan


rule plan:
    log:
        "logs/plan.txt",
    localrule: True
    run:
        print_plan(CATALOGUE, log[0])
