"""Which files each form of export consists of, known from the configuration alone; imported when planning."""

from __future__ import annotations

import math

from touchstone.catalogue import Catalogue
from touchstone.parts import REAL

LABELS = ("real", "fake")
FORMS = ("webdataset", "imagefolder", "elsa", "d3", "imaginet", "nyu", "perturbed", "robustness", "redistributable", "recipe")
WHOLE = ("redistributable", "recipe")  # one folder each
JPEG = range(40, 101, 5)  # qualities of the robustness series
RESIZE = range(2, 13)  # and sizes before resizing: 256 * 12 / this
SERIES = ("perturbed", *(f"jpeg_{quality}" for quality in JPEG), *(f"resize_{step}" for step in RESIZE))


def exports_of(catalogue: Catalogue) -> Exports:
    """The exports that the catalogue's dataset could have; ``dataset["exports"]`` says which it asks for."""
    dataset = catalogue.dataset
    counts = {split: dict.fromkeys(LABELS, 0) for split in dataset["splits"]}
    prompts = dict.fromkeys(dataset["splits"], 0)
    for part in catalogue.parts:
        for split, images in part.targets.items():
            counts[split][LABELS[part.generator != REAL]] += images
            prompts[split] = max(prompts[split], images * (part.generator != REAL))
    scored = dataset.get("scored", list(dataset["splits"])[1:] or list(dataset["splits"]))
    names = [catalogue.generators[part.generator]["name"] for part in catalogue.parts if part.generator != REAL]
    return Exports(counts, prompts, list(dict.fromkeys(names)), dataset["images_per_tar"], dataset["images_per_folder"], scored)


class Exports:
    """Files of the exports of one dataset, below ``results/<dataset>/exports``.

    Args:
        counts: ``{split: {"real": images, "fake": images}}`` as asked for.
        prompts: ``{split: prompts}``, as many as the generator with the most images has.
        generators: Names, in the order of the dataset file.
        per_tar: Images of one tar, or one shard of a perturbed set.
        per_folder: Images of one folder of ELSA's form, or prompts of one file of D3's.
        scored: Splits of which perturbed sets are made.
    """

    def __init__(
        self,
        counts: dict[str, dict[str, int]],
        prompts: dict[str, int],
        generators: list[str],
        per_tar: int,
        per_folder: int,
        scored: list[str],
    ):
        self.counts, self.prompts, self.generators = counts, prompts, generators
        self.per_tar, self.per_folder, self.scored = per_tar, per_folder, scored

    def parts(self, split: str, kind: str = "") -> int:
        """Parts of a split: tars, or with a ``kind`` folders of real or fake images."""
        images = self.counts[split][kind] if kind else sum(self.counts[split].values())
        return max(math.ceil(images / (self.per_folder if kind else self.per_tar)), 1)

    def elsa(self, split: str, kind: str) -> list[str]:
        """Folders of real or fake images of a split, in ELSA's form."""
        if not self.counts[split][kind]:
            return []
        return [f"elsa/{split}/{kind}-images/part-{number + 1:06d}" for number in range(self.parts(split, kind))]

    def files_of_prompts(self, split: str) -> int:
        """Files of a split in D3's form."""
        return math.ceil(self.prompts[split] / self.per_folder)

    def series(self, names: tuple[str, ...]) -> list[str]:
        """Shards of perturbed sets."""
        return [
            f"perturbed/{name}/{split}-{number:06d}.parquet"
            for name in names
            for split in self.scored
            for number in range(self.parts(split))
        ]

    def files(self, form: str) -> int:
        """Files of a form, those in its folders among them."""
        images = sum(sum(counts.values()) for counts in self.counts.values())
        return images + len(self.of(form)) if form in ("imagefolder", "elsa", "imaginet", "nyu") else len(self.of(form))

    def of(self, form: str) -> list[str]:
        """All files and folders of a form."""
        if form in WHOLE:
            return [form]
        if form == "webdataset":
            return [f"webdataset/{split}-{number:06d}.tar" for split in self.counts for number in range(self.parts(split))]
        if form == "elsa":
            folders = [folder for split in self.counts for kind in LABELS for folder in self.elsa(split, kind)]
            return [*folders, *(f"elsa/{split}/real.csv" for split in self.counts)]
        if form == "d3":
            return [f"d3/{split}-{number:06d}.parquet" for split in self.counts for number in range(self.files_of_prompts(split))]
        if form in ("perturbed", "robustness"):
            return self.series(SERIES[:1] if form == "perturbed" else SERIES[1:])
        return [f"{form}/{split}" for split in self.counts]
