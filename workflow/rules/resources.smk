"""Memory and time of jobs, where they are more than a number."""

# Megabytes for a table with a row for each drawn item: 4 kB a row, and room for the libraries.
TABLE_MB = 3000 + sum(part.drawn for part in CATALOGUE.parts) * 4 // 1000


def growing(base):
    """Megabytes or minutes that double with each further try of a job."""

    def doubled(wildcards, attempt):
        return base * 2 ** (attempt - 1)

    return doubled


def generation_minutes(wildcards, attempt):
    """Expected minutes of a shard, more at every further attempt, and half an hour to spare."""
    return CATALOGUE.minutes_per_shard(wildcards.origin) * attempt + 30
