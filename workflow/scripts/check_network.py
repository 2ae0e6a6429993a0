"""Tell whether this node reaches the web, and what stands in the way."""

from touchstone.job import job
from touchstone.scraping.doctor import check_network

with job(snakemake.log[0], "network") as progress:
    check_network(recipes=snakemake.params.recipes, indices=snakemake.params.indices, progress=progress)
