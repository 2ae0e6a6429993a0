"""ImagiNet's form: the images under their own paths below one root, and annotation lists of five columns."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow.compute as pc

from touchstone.annotations import CONTENTS, GROUPS, MODELS, Annotation
from touchstone.exports.packed import file_name, new_folder, put, rows
from touchstone.progress import Progress
from touchstone.versions import read_table

COLUMNS = ["image", "id", "sha256", "origin", "label", "generator", "content", "format"]


def write_root(
    *, manifest: str, indexes: list[str], families: dict[str, str], split: str, folder: str, progress: Progress
) -> None:
    """Write the images of a split and ``annotations.txt``, in mixed order; every path of the list is a file.

    An image keeps the path that it has in ImagiNet, or else in its origin; one that has none there, or one that
    another image has, too, is ``./<origin>/<name of its id>``.

    Args:
        indexes: ``index.parquet`` of the origins, which know the paths.
        families: Family of each generator, by its canonical name.
    """
    progress.start(0, "images")
    paths = _paths(manifest, indexes, split)
    models = _numbers(MODELS, families)
    groups = _numbers(GROUPS, families.values())
    with new_folder(folder) as temporary, open(temporary / "annotations.txt", "wb") as file:
        for row in rows(manifest=manifest, split=split, columns=COLUMNS):
            path = paths.get(row["id"]) or f"./{row['origin']}/{file_name(row)}"
            put(temporary, path, row["image"]["bytes"])
            fake = row["label"] == 1
            known = Annotation(
                path,
                row["label"],
                content_number(row["content"]),
                groups[families[row["generator"]] if fake else "real"],
                models[row["generator"] if fake else "real"],
            )
            file.write(known.line())
            progress.advance()
        for name, numbers in (("model_groups", groups), ("specific_models", models)):
            lines = (f"{number},{key}\n" for key, number in sorted(numbers.items(), key=lambda pair: pair[1]))
            (temporary / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
    progress.finish()


def content_number(content: str | None) -> int:
    """The published number of a kind of content, singular or plural; anything else is uncategorized."""
    word = (content or "").rstrip("s")
    return next((number for number, known in enumerate(CONTENTS) if known.rstrip("s") == word), CONTENTS.index("uncategorized"))


def _numbers(published: tuple[str, ...], names: Iterable[str]) -> dict[str, int]:
    """The published numbers, and those that follow for names that were not published."""
    return {name: number for number, name in enumerate([*published, *sorted(set(names) - set(published))])}


def _paths(manifest: str, indexes: list[str], split: str) -> dict[str, str]:
    """Path of each image of the split in its origin, but for those that two have."""
    ids = read_table(manifest, "manifest", ["id"], filters=[("split", "==", split)])["id"]
    found: dict[str, str] = {}
    for index in sorted(indexes):
        table = read_table(index, "index", ["id", "source_file", "source_member"])
        table = table.filter(pc.is_in(table["id"], value_set=ids.combine_chunks()))
        for name, file, member in zip(*(column.to_pylist() for column in table.columns), strict=True):
            path = name.removeprefix(f"{Path(index).parent.name}/")
            if path.rpartition("/")[2] == member.rpartition("/")[2]:  # ids of ImagiNet's own sources are its paths
                found[name] = f"./{path}"
            elif member and not file.endswith((".parquet", ".arrow", ".csv")) and not member.startswith("http"):
                found[name] = f"./{file}{member}" if file.endswith("/") else f"./{member}"
    times: dict[str, int] = {}
    for path in found.values():
        times[path] = times.get(path, 0) + 1
    return {name: path for name, path in found.items() if times[path] == 1}
