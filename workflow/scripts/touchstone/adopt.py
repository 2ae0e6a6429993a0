"""Taking images out of archives and folders: read once, decoded once, bytes unchanged."""

from __future__ import annotations

from touchstone.containers import is_container, open_container
from touchstone.files import read_json
from touchstone.images import BadImage
from touchstone.listing import path_of
from touchstone.progress import Progress
from touchstone.shards import append_rows, read_picks, shard_writer, taken


def adopt_shard(*, picks: str, receipt: str, shard: str, progress: Progress) -> None:
    """Make one shard of an origin of kind ``archive``; rows are in the order of the pick list.

    Args:
        picks: Pick list that ``draw_origin`` wrote.
        receipt: What ``fetch_origin`` wrote about the origin's files.
        shard: The shard to write; a member that cannot be read becomes a rejected row.
    """
    wanted = read_picks(picks)
    files = read_json(receipt)["files"]
    containers: dict[str, object] = {}
    default = next((file["name"] for file in files if is_container(file["name"])), "")
    progress.start(len(wanted), "images")
    try:
        with shard_writer(shard) as writer:
            for pick in wanted:
                append_rows(writer, [taken(pick, **_bytes_of(pick, files, containers, default))])
                progress.advance()
    finally:
        for container in containers.values():
            container.close()
    progress.finish()


def _bytes_of(pick: dict, files: list[dict], containers: dict, default: str) -> dict:
    name = pick["source_file"] or default
    if name not in containers:
        containers[name] = open_container(path_of(files, name))
    try:
        return {"data": containers[name].read(pick["source_member"])}
    except BadImage as error:
        return {"data": None, "reason": error.reason, "detail": error.detail}
