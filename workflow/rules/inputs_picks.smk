"""Pick lists of take shards, known once the draw is done; see inputs.smk."""


def pick_of_shard(wildcards):
    """The shard's own pick list, known once the draw is done."""
    draw = checkpoints.draw_origin.get(
        dataset=wildcards.dataset, origin=wildcards.origin
    )
    return f"{draw.output.picks}/{wildcards.shard}.parquet"


def picks_of_origin(wildcards):
    """All pick lists of the origin, known once the draw is done."""
    draw = checkpoints.draw_origin.get(**wildcards)
    return [
        f"{draw.output.picks}/{shard}.parquet"
        for shard in CATALOGUE.shards(wildcards.origin)
    ]


def pick_of_unrolled(wildcards):
    """The shard's own pick list, once archives that are one stream are read, too."""
    picks = pick_of_shard(wildcards)
    unroll(wildcards)
    return picks


def pick_of_adopted(wildcards):
    """The same for a shard whose number is told in two parts."""
    draw = checkpoints.draw_origin.get(
        dataset=wildcards.dataset, origin=wildcards.origin
    )
    unroll(wildcards)
    name = f"{wildcards.prefix}-{wildcards.tens}{wildcards.place}"
    return f"{draw.output.picks}/{name}.parquet"


def unroll(wildcards):
    """Have the origin's archives that are one stream read, if there are any."""
    # Asked for second: the other way round Snakemake starts shards too early when nothing is to be read.
    if wildcards.origin in CATALOGUE.streamed:
        checkpoints.unroll_origin.get(**wildcards)
