"""plan: what a build will take, printed without running anything: snakemake plan."""

from touchstone.plan import plan, table


rule plan:
    localrule: True
    run:
        print(table(plan(CATALOGUE), title=f"{DATASET}: {CATALOGUE.dataset['title']}"), flush=True)
