"""Input and parameter functions of the exports; all are one look-up."""


def exported(form):
    """Files and folders of a form of export."""
    return [f"results/{DATASET}/exports/{path}" for path in EXPORTS.of(form)]


def parts_of_export(wildcards):
    """How many tars, shards or folders a split has in a form of export."""
    return EXPORTS.parts(wildcards.split, wildcards.get("kind", ""))


def files_of_prompts(wildcards):
    """How many files a split has in D3's form."""
    return EXPORTS.files_of_prompts(wildcards.split)


def elsa_reals(wildcards):
    """Folders of the real images of a split."""
    folder = f"results/{wildcards.dataset}/exports"
    return [f"{folder}/{path}" for path in EXPORTS.elsa(wildcards.split, "real")]


def number_of_part(wildcards):
    """Number of a tar, shard or folder; folders count from 1."""
    return int(wildcards.number) - ("kind" in wildcards.keys())
