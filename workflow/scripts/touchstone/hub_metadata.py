"""What the Hugging Face hub reads of a dataset card: the front matter of its README.md."""

from __future__ import annotations

import yaml

# Licences by the names the hub knows; others are described as `other`.
# Source: https://huggingface.co/docs/hub/repositories-licenses
HUB_LICENCES = (
    *("apache-2.0", "mit", "openrail", "creativeml-openrail-m", "openrail++", "bsd-2-clause", "bsd-3-clause", "unlicense"),
    *("cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
    *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"),
    *("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "odc-by", "odbl", "pddl", "gpl-3.0", "agpl-3.0"),
)


def hub_metadata(title: str, counted: dict) -> str:
    """The README's YAML front matter.

    Source: datasetcard.md of huggingface_hub; several licences are `other` with their names.
    """
    licences = list(counted["licences"])
    if len(licences) == 1 and licences[0].lower() in HUB_LICENCES:
        licence = {"license": licences[0].lower()}
    else:
        names = ", ".join(" ".join(name.split()) for name in licences)
        licence = {"license": "other", "license_name": "mixed" if len(licences) > 1 else "see-origin", "license_details": names}
    files = [{"split": split, "path": f"data/{split}/*.parquet"} for split in counted["splits"]]
    metadata = {
        "pretty_name": " ".join(title.split()),
        **licence,
        "task_categories": ["image-classification"],
        "tags": ["image", "ai-generated-image-detection", "synthetic-images", "touchstone"],
        "size_categories": [_size_category(counted["images"])],
        "configs": [{"config_name": "default", "data_files": files}],
    }
    return yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=1000)


def _size_category(images: int) -> str:
    """The hub's name for a number of rows: ``n<1K``, ``1K<n<10K`` ... ``n>1T``."""
    names = ["1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T"]
    power = next((power for power in range(len(names)) if images < 1000 * 10**power), len(names))
    if power == 0:
        return "n<1K"
    return f"{names[power - 1]}<n<{names[power]}" if power < len(names) else "n>1T"
