"""Real and generated images side by side: the name of a folder, wherever it lies, tells which are which."""

from __future__ import annotations

from collections.abc import Iterator

from touchstone.readers import Listing, Skip

REAL = "real"


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per image file; images of one name below folders of different labels share a group.

    Options:
        labels: ``{folder: generator, or "real"}``; of several in a path the innermost counts, and images
            without any are skipped. Without this key all are real.
        group: Prefix of the groups ``<group>:<path below the folder, its parts joined by _>``.
        below: Images that do not lie below a folder of this name are skipped.
        fields: ``{field of the record: text}`` of the generated images.
    """
    labels: dict[str, str] | None = options.get("labels")
    pictures: list[tuple[str, ...]] = []  # file, member, id, label, what the label's folder lies in, path below it
    for picture in listing.pictures():
        if isinstance(picture, Skip):
            yield picture
            continue
        file, member, _ = picture
        path = file + member if file.endswith("/") else member  # an archive and the folder it unpacks to are one
        *folders, last = path.split("/")
        if options.get("below", "") not in ("", *folders):
            yield Skip(member, f"not below a folder {options['below']}")
            continue
        at = next((at for at in reversed(range(len(folders))) if labels and folders[at] in labels), -1)
        if labels and at < 0:
            yield Skip(member, f"no folder called {' or '.join(labels)} holds it")
            continue
        above, below = "/".join(folders[:at]) if at > 0 else "", "_".join([*folders[at + 1 :], last])
        label = labels[folders[at]] if labels else REAL
        pictures.append((file, member, _stem(path), label, f"{file}:{above}", _stem(below)))
    reals = {(above, key): name for _, _, name, label, above, key in pictures if label == REAL}
    root = None if labels else _root([name for _, _, name, *_ in pictures])
    for file, member, name, label, above, key in pictures:
        item = {"id": name, "groups": [f"{options['group']}:{key}"], "source_file": file, "source_member": member}
        if root and key.startswith(f"{root}_"):  # whoever unpacked it may have dropped the only folder at the top
            item["groups"].append(f"{options['group']}:{key.removeprefix(f'{root}_')}")
        if label != REAL:
            item |= {"generator": label, **options.get("fields", {})}
            if real := listing.found(reals, (above, key), "a real image of the same name", member):
                item["paired_real_images"] = [f"{options['prefix']}/{real}"]
        yield item


def _stem(member: str) -> str:
    return member.rpartition(".")[0]


def _root(paths: list[str]) -> str:
    """The folder that all of them lie in, empty if there is none."""
    tops = {path.partition("/")[0] for path in paths}
    return tops.pop() if len(tops) == 1 and all("/" in path for path in paths) else ""
