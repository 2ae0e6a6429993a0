"""The recipe of a dataset: everything but pixels, from which another user builds the same one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from touchstone.citations import write_citations
from touchstone.dataset_card import environment
from touchstone.errors import TouchstoneError
from touchstone.exports.packed import new_folder
from touchstone.progress import Progress


def write_recipe(
    *,
    manifest: str,
    beside: list[str],
    receipts: list[str],
    files: list[tuple[str, str]],
    texts: dict[str, dict],
    pins: str,
    cards: dict[str, dict],
    to_get: dict[str, str],
    name: str,
    title: str,
    folder: str,
    progress: Progress,
) -> None:
    """Write ``folder``.

    Args:
        manifest: ``manifest.parquet``: ids, hashes, addresses, prompts, seeds and revisions of models of every image.
        beside: Tables that tell what became of the other items: ledger and selection.
        receipts: Checksums of what the origins and models were; all below ``resources/receipts/``.
        files: Place in the recipe and path of each file of the configuration.
        texts: ``{place in the recipe: content}`` of YAML files to write.
        pins: The list of library versions.
        cards: What the dataset card tells of each origin.
        to_get: What a person must get first, and how.

    Raises:
        TouchstoneError: A file that the dataset or a card names is gone, or two would lie in one place.
    """
    with new_folder(folder) as temporary:
        tables = [(Path(path).name, path) for path in (manifest, *beside)]
        for place, path in (*tables, ("requirements.txt", pins), *files):
            _copy(Path(path), temporary / place)
        for path in receipts:
            _copy(Path(path), temporary / "receipts" / Path(path).relative_to("resources/receipts"))
        for place, content in texts.items():
            (temporary / place).parent.mkdir(parents=True, exist_ok=True)
            (temporary / place).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
        write_citations(cards=cards, citations=str(temporary / "citations.bib"), progress=progress)
        metadata = {key.decode(): value.decode() for key, value in pq.read_schema(manifest).metadata.items()}
        readme = environment().get_template("recipe.md.j2").render(
            name=name, title=title, cards=cards, to_get=to_get, images=pq.read_metadata(manifest).num_rows,
            root_hash=metadata["root_hash"], code=metadata.get("code", "not recorded"),
            scraped=[origin for origin, card in cards.items() if card["kind"] == "urls"],
            generated=[origin for origin, card in cards.items() if card["kind"] == "generate"],
        )  # fmt: skip
        (temporary / "README.md").write_text(readme, encoding="utf-8")
    progress.finish(f"{len(files) + len(receipts)} files")


def _copy(path: Path, place: Path) -> None:
    if not path.is_file():
        raise TouchstoneError("a file of the recipe is gone", where=path, mend="put it back, or take it out of the configuration")
    if place.exists() and place.read_bytes() != path.read_bytes():
        raise TouchstoneError("two files of the recipe would lie in one place", where=path, mend="call one of them otherwise")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, place)
