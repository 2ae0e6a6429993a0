"""plan: what a build will take: snakemake plan. progress: how far it is: snakemake progress --nolock.

Both print, and run nothing.
"""

from touchstone.overview import print_progress
from touchstone.plan import print_plan


rule plan:
    log:
        "logs/plan.txt",
    localrule: True
    run:
        print_plan(CATALOGUE, log[0])


rule progress:
    log:
        "logs/progress.txt",
    localrule: True
    run:
        print_progress(CATALOGUE, log[0])
