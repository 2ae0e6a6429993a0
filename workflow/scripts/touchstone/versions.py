"""Versions of the tables that a build leaves on disk, so that an upgrade says what to make again and what to keep.

The number of a table is raised where its columns or their meaning change, and only then: images that were taken or
generated stay good for years. It stands in the metadata of the Parquet file with the version of the code that wrote it.
Pick lists carry none: their bytes decide whether a shard is taken again.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from touchstone import __version__
from touchstone.errors import TouchstoneError
from touchstone.record import ITEM, LEDGER, MANIFEST, PACKED, SCREENED, SELECTED, TAKEN

KEY = b"touchstone"
AGAIN = "snakemake --forcerun"
# How they are written: every page with a checksum, which `read_table` looks at.
SEALED = {"compression": "zstd", "write_page_checksum": True}
CHEAP = "it takes seconds to minutes"
# Table: its version, its columns, what makes it anew, and what that costs.
TABLES = {
    "index": (1, ITEM, f"{AGAIN} list_origin", "it lists the origins again and takes no image anew"),
    "taken": (1, TAKEN, "", ""),
    "screen": (1, SCREENED, f"{AGAIN} screen", CHEAP),
    "selection": (1, SELECTED, f"{AGAIN} split", CHEAP),
    "ledger": (1, LEDGER, f"{AGAIN} split", CHEAP),
    "packed": (2, PACKED, f"{AGAIN} pack_shard", "it copies the images that are there; none is taken anew"),
    "manifest": (2, MANIFEST, f"{AGAIN} pack_shard", "it copies the images that are there; none is taken anew"),
}


def stamped(schema: pa.Schema) -> pa.Schema:
    """``schema`` with name and version of the table it is of in its metadata; any other as it is."""
    for table, (version, columns, *_) in TABLES.items():
        if schema.equals(columns):
            stamp = json.dumps({"table": table, "version": version, "code": __version__})
            return schema.with_metadata((schema.metadata or {}) | {KEY: stamp.encode()})
    return schema


def require(schema: pa.Schema, table: str, path: str | Path) -> None:
    """Raise if a file of this schema is not a ``table`` as this version reads it.

    A file without a stamp was made before there were any; it will do if it has all the columns.

    Raises:
        TouchstoneError: It has another version, or is another table.
    """
    wanted, columns, command, cost = TABLES[table]
    stamp = json.loads((schema.metadata or {}).get(KEY, b"{}"))
    if stamp.get("table", table) != table:
        raise TouchstoneError(f"a table of {stamp['table']} lies where one of {table} should", where=path, mend=command or None)
    code, found = stamp.get("code", "0.1.0 or earlier"), stamp.get("version")
    lacks = set() if stamp else set(columns.names) - set(schema.names)
    if found == wanted or not (stamp or lacks):
        return
    if stamp and found > wanted:
        raise TouchstoneError(
            f"Touchstone {code} made this {table} table, which is newer than Touchstone {__version__}",
            where=f"{path}, version {found}; this one reads version {wanted}",
            mend="go on with the newer Touchstone",
        )
    state = f"version {found}" if stamp else f"without {', '.join(sorted(lacks))}"
    raise TouchstoneError(
        f"Touchstone {code} made this {table} table, and its columns have changed since",
        where=f"{path}, {state}; this one reads version {wanted}",
        mend=f"{command} ({cost})" if command else f"go on with Touchstone {code}; or delete it, and its images are taken anew",
    )


def read_table(path: str | Path, table: str, columns: list[str] | None = None, **options: object) -> pa.Table:
    """``pyarrow.parquet.read_table`` of a table, its version and its pages looked at; raises what ``require`` and Arrow raise."""
    with pq.ParquetFile(path) as file:
        require(file.schema_arrow, table, path)
    return pq.read_table(path, columns=columns, page_checksum_verification=True, **options)
