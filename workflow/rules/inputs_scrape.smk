"""Input and parameter functions of the rules that scrape; see inputs.smk."""

from touchstone.parts import numbered


def part_of(origin, generator):
    """The images of one generator of one origin that the dataset wants."""
    return next(
        part for part in CATALOGUE.parts_of(origin) if part.generator == generator
    )


def survivors_before(wildcards):
    """For a shard of spares: how many images the shards before them have given."""
    generator, _, number = wildcards.shard.rpartition("-")
    first = part_of(wildcards.origin, generator).usable
    if int(number) * CATALOGUE.dataset["shard_items"] < first:
        return []
    return f"results/{wildcards.dataset}/origins/{wildcards.origin}/survivors/{generator}.json"


def shards_before_spares(wildcards):
    """Shards of a part whose addresses are asked for in any case."""
    first = part_of(wildcards.origin, wildcards.part).usable
    return [
        f"results/{wildcards.dataset}/origins/{wildcards.origin}/{shard}.parquet"
        for shard in numbered(first, CATALOGUE.dataset["shard_items"], wildcards.part)
    ]


def part_to_count(wildcards):
    """Numbers of a part that tell how many spares it needs."""
    part = part_of(wildcards.origin, wildcards.part)
    gate = CATALOGUE.dataset["gates"]["shortfall"]
    return {
        "usable": part.usable,
        "drawn": part.drawn,
        "quota": part.quota,
        "max_shortfall": gate["limit"] if gate["action"] == "fail" else 1,
        "survival": part.survival,
    }


def survival_of_origins():
    """Part of each origin's addresses that is expected to live, where the dataset file tells."""
    return {part.origin: part.survival for part in CATALOGUE.parts if part.survival < 1}


def recipes_of_lists():
    """Recipes of the origins that are scraped from the web, and not from a server of the demo."""
    return {
        origin: CATALOGUE.card(origin)["recipe"]
        for origin in CATALOGUE.of_kind("urls")
        if "serve" not in CATALOGUE.card(origin)
    }


def lists_of_addresses():
    """Their indices."""
    return {
        origin: f"results/origins/{origin}/index.parquet"
        for origin in recipes_of_lists()
    }
