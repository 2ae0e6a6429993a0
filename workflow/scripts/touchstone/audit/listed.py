"""What somebody else's list of real and fake images gives away, without building anything.

Run as ``python -m touchstone.audit.listed LIST --label COLUMN``: any table with a column of paths and one of labels.
The files' extensions are looked at; with ``--folder``, where the images lie, all facts of a sample of them.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa

from touchstone import lists, tables
from touchstone.audit.distributions import guess
from touchstone.audit.probe import sample
from touchstone.audit.shortcuts import MOST, features_of, told_apart
from touchstone.containers import is_safe
from touchstone.draw import rank_keys
from touchstone.errors import TouchstoneError
from touchstone.files import write_json
from touchstone.images import BadImage, measure
from touchstone.marks import marks_of
from touchstone.progress import Progress
from touchstone.record import FACTS, PACKED, table_of

REAL = ("0", "real", "nature")
SAME = {"jpeg": "jpg", "jpe": "jpg", "tiff": "tif"}
THREADS = 4
SEEN = pa.schema([*FACTS, PACKED.field("marks")])


def audit_list(
    path: str,
    *,
    progress: Progress,
    columns: tuple[str, str, str] = ("path", "label", ""),
    fields: list[str] | None = None,
    real: Iterable[str] = REAL,
    folder: str | None = None,
    seed: int = 1,
) -> dict:
    """What ``shortcuts.probe_shortcuts`` finds, of a list, with ``{rows, reals, extensions, guess, rejected}``.

    Args:
        path: csv, tsv, json, jsonl, Parquet or Arrow table, or a text.
        columns: Of the path, of the label, and of the generator, which may be empty.
        fields: Names of the columns, where the list has none itself: commas between, no header.
        real: Labels of real images; all others are fake.
        folder: Where the paths start, to measure ``MOST`` images of each class; without it only extensions are seen.
        seed: Of samples and folds.

    Returns:
        ``extensions`` is ``{extension: [reals, fakes]}`` and ``guess`` the balanced accuracy of the best rule that
        sees nothing else; ``rejected`` counts the sampled files that are missing, or no image, by reason.

    Raises:
        TouchstoneError: The list cannot be read or is empty, or all its rows are of one class.
    """
    wanted = [column for column in columns if column]
    rows = list(lists.rows(Path(path), fields) if fields else tables.rows(path, wanted))
    if fields and (absent := set(wanted) - set(fields)):
        raise TouchstoneError(f"no field is called {', '.join(sorted(absent))}", where=path, mend="name it in --fields")
    if not rows:
        raise TouchstoneError("the list holds no row", where=path, mend="name a list with a row for each image")
    names = [row[columns[0]] for row in rows]
    generator = [row[columns[2]] if columns[2] else "" for row in rows]
    label = np.array([row[columns[1]].strip().lower() not in real for row in rows], dtype=np.int64)
    if label.min() == label.max():
        counts = Counter(row[columns[1]] for row in rows).most_common(5)
        raise TouchstoneError(
            f"all {len(rows):,} rows are {'fake' if label[0] else 'real'}",
            where=f"{path}: {columns[1]} is {', '.join(f'{value!r} ({count:,})' for value, count in counts)}",
            mend="say with --real which labels are those of real images",
        )
    words = [_extension(name) for name in names]
    present, codes = np.unique(words, return_inverse=True)
    by_class = np.stack([np.bincount(codes[label == value], minlength=len(present)) for value in (0, 1)])
    about = {"rows": len(rows), "reals": int((label == 0).sum()), "guess": guess(*by_class), "rejected": {}}
    about["extensions"] = dict(zip(present.tolist(), by_class.T.tolist(), strict=True))
    facts, features, kept = ["extension"], codes[:, None].astype(np.float32), np.arange(len(rows))
    if folder is not None:
        kept, measured, about["rejected"] = _measured(names, label, Path(folder), seed, progress)
        more, columns_of_more = features_of(table_of(measured, SEEN))
        facts, features = [*facts, *more], np.concatenate([features[kept], columns_of_more], axis=1)
    chosen = {"ids": [names[row] for row in kept], "generator": [generator[row] for row in kept]}
    return about | told_apart(facts, features, **chosen, label=label[kept], group=kept, seed=seed, progress=progress)


def _extension(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower().removeprefix(".")
    return SAME.get(suffix, suffix)


def _measured(names: list[str], label: np.ndarray, folder: Path, seed: int, progress: Progress):
    """Rows of the sample that are images, their facts, and how many are not, by reason."""
    chance = rank_keys(seed, names)
    rows = np.concatenate([sample(np.flatnonzero(label == value), MOST, chance) for value in (0, 1)])
    progress.start(len(rows), "images")
    kept, facts, rejected = [], [], Counter()
    with ThreadPoolExecutor(THREADS) as pool:
        for row, found in zip(rows.tolist(), pool.map(partial(_facts, folder), [names[row] for row in rows]), strict=True):
            if isinstance(found, str):
                rejected[found] += 1
            else:
                kept.append(row)
                facts.append(found)
            progress.advance()
    if not kept:
        raise TouchstoneError(
            f"none of {len(rows):,} files is an image: {dict(rejected)}",
            where=folder,
            mend="name with --folder where the paths start",
        )
    return np.array(kept), facts, dict(rejected)


def _facts(folder: Path, name: str) -> dict | str:
    inside = str(PurePosixPath(name))  # without a leading ./
    if not is_safe(inside):
        return "refused_path"
    try:
        data = (folder / inside).read_bytes()
        return measure(data) | {"marks": marks_of(data)}
    except BadImage as error:
        return error.reason
    except OSError:
        return "missing"


def _lines(found: dict) -> list[str]:
    """What a person reads."""
    lines = [f"{found['rows']:,} images: {found['reals']:,} real, {found['rows'] - found['reals']:,} fake", ""]
    lines += [f"    {'extension':<24}{'real':>10}{'fake':>10}"]
    lines += [f"    {name or 'none':<24}{reals:>10,}{fakes:>10,}" for name, (reals, fakes) in found["extensions"].items()]
    lines += [f"    by extension alone {100 * found['guess']:.2f} % are told apart (balanced accuracy)", ""]
    if found["rejected"]:
        lines += [f"not measured: {', '.join(f'{count:,} {reason}' for reason, count in found['rejected'].items())}", ""]
    if not found["overall"]:
        return [*lines, "too few images for a probe"]
    lines += [f"    {'seen by the probe':<24}{'AUROC':>8}   95 % interval"]
    probes = [("all facts", found["overall"]), *((f"{fact['fact']} alone", fact) for fact in found["facts"])]
    lines += [
        f"    {name:<24}{each['auroc']:>8.3f}   {each['low']:.3f} to {each['high']:.3f}" for name, each in probes if "low" in each
    ]
    named = {name: each for name, each in found["generators"].items() if name}
    if named:
        lines += ["", f"    {'fakes of':<24}{'AUROC':>8}   most telling"]
    for name, each in sorted(named.items(), key=lambda pair: -(pair[1] or {"auroc": 0})["auroc"]):
        lines.append(f"    {name:<24}" + (f"{each['auroc']:>8.3f}   {each['fact']}" if each else "too few images"))
    return lines


def main(arguments: list[str]) -> int:
    """The command line; 0, or 2 for an error."""
    parser = argparse.ArgumentParser(prog="touchstone.audit.listed", description=__doc__.split("\n\n")[0])
    parser.add_argument("list", help="csv, tsv, json, jsonl, Parquet or Arrow table, or a text")
    parser.add_argument("--path", default="path", metavar="COLUMN", help="column of the paths (path)")
    parser.add_argument("--label", default="label", metavar="COLUMN", help="column of the labels (label)")
    parser.add_argument("--by", default="", metavar="COLUMN", help="column of the generators, for a figure for each")
    parser.add_argument("--fields", metavar="A,B,...", help="names of the columns, if the list has no header")
    parser.add_argument("--real", default=",".join(REAL), metavar="A,B,...", help="labels of real images (%(default)s)")
    parser.add_argument("--folder", help="where the paths start, to measure the images themselves")
    parser.add_argument("--out", help="JSON to write, with all figures")
    options = parser.parse_args(arguments)
    try:
        found = audit_list(
            options.list,
            columns=(options.path, options.label, options.by),
            fields=options.fields.split(",") if options.fields else None,
            real={value.strip().lower() for value in options.real.split(",")},
            folder=options.folder,
            progress=Progress("audit", Path(options.list).name),
        )
    except (TouchstoneError, OSError) as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 2
    if options.out:
        write_json(options.out, found)
    print("\n".join(_lines(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
