"""The dataset's Croissant file: what machines read to find, load and judge it.

Sources: Croissant 1.1 (docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html) and its
responsible-AI vocabulary 1.0 (croissant-rai-spec.html).
"""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa

from touchstone.citations import entry
from touchstone.dataset_card import COLUMNS, TEMPLATES, tally
from touchstone.files import read_json, sha256_of, write_json
from touchstone.progress import Progress
from touchstone.record import PACKED

# What each kind of origin means for the question how the data was collected.
KINDS = {"archive": "taken from published archives", "urls": "downloaded from the web", "generate": "generated here"}


def write_croissant(
    *,
    manifest: str,
    ledger: str,
    cards: dict[str, dict],
    name: str,
    title: str,
    description: str,
    seed: int,
    splits: dict[str, float],
    croissant: str,
    progress: Progress,
    note: str = "",
) -> None:
    """Write ``croissant.json`` into the dataset's folder; its paths are relative to that folder.

    Args:
        manifest: ``manifest.parquet`` of the dataset, beside which packed shards lie.
        ledger: ``ledger.parquet`` of the dataset.
        cards: Title, homepage, licence, access, citation and kind of each origin.
        name: The dataset's name, as its file is called.
        splits: Share of each split, in the order to name them.
        croissant: The file to write.
        note: A sentence on the limits of this build.

    Raises:
        TouchstoneError: Ledger and manifest do not count the same images.
    """
    counted = tally(manifest, ledger, splits)

    document = {
        "@context": read_json(TEMPLATES / "croissant_context.json"),
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": name,
        "alternateName": title,
        "description": " ".join(filter(None, [description, note])),
        "license": list(counted["licences"]),
        "url": next((card["homepage"] for card in cards.values() if card["homepage"]), ""),
        "version": f"1.0.0+{counted['root_hash'][:12]}",
        "datePublished": datetime.datetime.fromtimestamp(Path(manifest).stat().st_mtime, datetime.UTC).date().isoformat(),
        "citeAs": "\n\n".join(entry(origin, card) for origin, card in cards.items()),
        "creator": {"@type": "sc:Organization", "name": "the origins named in README.md, put together with Touchstone"},
        "isLiveDataset": False,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "manifest",
                "name": "manifest.parquet",
                "contentUrl": "manifest.parquet",
                "encodingFormat": "application/x-parquet",
                "sha256": sha256_of(manifest),
            },
            *(
                {
                    "@type": "cr:FileSet",
                    "@id": f"files-{split}",
                    "encodingFormat": "application/x-parquet",
                    "includes": f"data/{split}/*.parquet",
                }
                for split in counted["splits"]
            ),
        ],
        "recordSet": [_records(split) for split in counted["splits"]],
        **_responsible(counted, cards, seed),
    }
    write_json(croissant, document)
    progress.finish(f"{counted['images']:,} images in {len(counted['splits'])} record sets")


def _records(split: str) -> dict:
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"Images of the split {split}.",
        "field": [_field(split, field) for field in PACKED if not pa.types.is_struct(field.type) or field.name == "image"],
    }


def _field(split: str, field: pa.Field) -> dict:
    entry = {
        "@type": "cr:Field",
        "@id": f"{split}/{field.name}",
        "name": field.name,
        "description": COLUMNS.get(field.name, field.name),
        "dataType": _data_type(field),
        "source": {"fileSet": {"@id": f"files-{split}"}, "extract": {"column": field.name}},
    }
    if field.name == "image":
        entry["source"]["transform"] = {"jsonPath": "bytes"}
    if pa.types.is_list(field.type):
        entry |= {"isArray": True, "arrayShape": "-1"}
    return entry


def _data_type(field: pa.Field) -> str:
    kind = field.type.value_type if pa.types.is_list(field.type) else field.type
    if field.name == "image":
        return "sc:ImageObject"
    if pa.types.is_date(kind):
        return "sc:Date"
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Integer" if pa.types.is_integer(kind) else "sc:Text"


def _responsible(counted: dict, cards: dict[str, dict], seed: int) -> dict:
    """Answers to the questions of the responsible-AI vocabulary, counted from the tables."""
    reasons = ", ".join(f"{entry['items']:,} {entry['reason']} ({entry['meaning']})" for entry in counted["reasons"])
    fakes = sum(part["kept"] for part in counted["parts"] if part["label"])
    reals = counted["images"] - fakes
    answers = {
        "dataCollection": "; ".join(f"{origin}: {card['title']}, {KINDS[card['kind']]}" for origin, card in cards.items()),
        "dataCollectionMissingData": f"Of {counted['drawn']:,} items drawn, {counted['rejected']:,} were rejected: "
        f"{reasons or 'none'}.",
        "dataPreprocessingProtocol": "Encoded images keep the bytes of their origin. Repeated pixels and blank images go; "
        "what belongs together is kept in one split.",
        "dataAnnotationProtocol": "The label says whether a generator made the image, by its origin. Nobody looked at images.",
        "dataUseCases": "Training and testing detectors of generated images.",
        "dataLimitations": f"{fakes:,} fake and {reals:,} real images of the named origins and generators: a detector trained "
        "on them need not know others. What the files give away is measured in report.html.",
        "dataBiases": "Origins have their own subjects, places and people; report.html compares the files of both classes.",
        "personalSensitiveInformation": "Photographs may show persons. What must go is named in a takedown list, and the dataset "
        "is built again without it.",
        "dataReleaseMaintenancePlan": f"Built with seed {seed}; root hash {counted['root_hash']}; manifest.parquet lists all.",
    }
    return {f"rai:{question}": answer for question, answer in answers.items()}
