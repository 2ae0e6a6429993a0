"""leaks.py: the published lists of AI-GenBench leak as counted, on trees named by their ids; our own split does not."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.building import HOME
from tests.trees import plant

from touchstone.catalogue import Catalogue
from touchstone.checking import load_checked
from touchstone.draw import draw_origin
from touchstone.file_ids import locate
from touchstone.files import write_json
from touchstone.leaks import leaks
from touchstone.listing import list_origin
from touchstone.members import read_members, write_membership
from touchstone.record import KEPT, SCREENED
from touchstone.screen import _groups
from touchstone.split import split

ORIGINS = ("drct_2m", "synthbuster", "forensynths", "coco_2017", "raise")  # those whose ids name a photograph
LISTS = {"train_real_file_ids": "train", "validation_fake_file_ids": "validation", "validation_real_file_ids": "validation"}
BITS = 0


def kept(label: int, split: str, name: str, groups: tuple[str, ...] = (), pairs: tuple[str, ...] = ()) -> dict:
    known = {"id": name, "label": label, "split": split, "origin": "ab"[label], "generator": "x"}
    return known | {"groups": list(groups), "paired_real_images": list(pairs)}


def test_a_fake_leaks_by_its_pair_or_by_a_common_key_with_a_real_image_elsewhere():
    rows = [
        kept(0, "train", "r1", ("photo:1",)),
        kept(0, "test", "r2", ("photo:2",)),
        kept(1, "test", "by pair", pairs=("r1",)),
        kept(1, "test", "by key", ("photo:1",)),
        kept(1, "test", "its own split", ("photo:2",), ("r2",)),
        kept(1, "test", "a prompt", ("prompt:1",)),
        kept(1, "train", "a prompt too", ("prompt:1",)),
        kept(1, "train", "the other way", pairs=("r2",)),
    ]
    schema = pa.schema([SCREENED.field(name) if name != "split" else ("split", pa.string()) for name in rows[0]])
    assert leaks(pa.Table.from_pylist(rows, schema)) == {
        "test b x": {"fakes": 4, "leaked": 2},
        "train b x": {"fakes": 2, "leaked": 1},
    }
    assert leaks(pa.Table.from_pylist([], schema)) == {}


class Published:
    """Indexes of the five origins, on trees that hold all that the published lists name of them."""

    def __init__(self, folder, lists, progress):
        self.folder, self.progress = folder, progress
        ids: dict[str, list[str]] = {origin: [] for origin in ORIGINS}
        self.listed: dict[str, str] = {}
        for name, place in LISTS.items():
            for key in (lists / f"{name}.txt").read_text(encoding="utf-8").split():
                if key.startswith(("DRCT", "Synthbuster", "Forensynths/test/gaugan", "COCO", "RAISE")):
                    ids[locate(key).origin].append(key)
                    self.listed[key] = place
        generators = load_checked("generators", HOME / "config/origins/generators.yaml")
        for origin in ORIGINS:
            card = load_checked("origin", HOME / f"config/origins/{origin}.yaml")
            write_json(folder / f"{origin}.json", {"files": plant(origin, ids[origin], folder / origin)})
            list_origin(
                origin=origin,
                receipt=str(folder / f"{origin}.json"),
                recipe=card["recipe"],
                generators={key: generators[key] for key in card.get("generators", [])},
                kind=card["kind"],
                licence="",
                index=str(folder / f"{origin}.parquet"),
                progress=progress,
            )
        entries = [{"file": f"{name}.txt", "split": place} for name, place in LISTS.items()]
        read_members(lists=entries, folder=str(lists), members=str(folder / "members.parquet"), progress=progress)

    def select(self, dataset: str, members: str | None) -> pa.Table:
        """The selection of a dataset file's parts of these origins, everything taken and nothing rejected."""
        catalogue = Catalogue(load_checked("config", HOME / "config/config.yaml") | {"dataset": dataset}, HOME)
        parts = []
        for part in catalogue.parts:
            index = self.folder / f"{part.origin}.parquet"
            name = catalogue.generators.get(part.generator, {}).get("name", "")
            there = pc.sum(pc.equal(pq.read_table(index)["generator"], name)).as_py() if part.origin in ORIGINS else 0
            if there:
                parts.append((part, name, part.targets if members is None else self.listed_of(index, name)))
        tables = []
        for part, name, targets in parts:
            index = self.folder / f"{part.origin}.parquet"
            drawn = self.folder / "draw.parquet"
            draw_origin(
                index=str(index),
                parts=[{"key": part.generator, "name": name, "drawn": max(part.drawn, sum(targets.values()))}],
                shard_items=1000,
                seed=1234,
                drawn=str(drawn),
                picks=str(self.folder / "draws"),
                progress=self.progress,
                members=members,
            )
            rows = pq.read_table(drawn).join(pq.read_table(index).select(["id", "label", "origin"]), "id").sort_by("rank")
            items = pq.read_table(index)
            lists = items.take(pc.index_in(rows["id"], value_set=items["id"].combine_chunks()))
            known = {name: rows[name] for name in rows.column_names}
            known |= {name: lists[name] for name in ("groups", "paired_real_images")}
            known |= {name: pa.repeat("", len(rows)) for name in ("reason", "detail", "step")}
            known["state"] = pa.repeat("taken", len(rows))
            columns = [known.get(field.name, pa.nulls(len(rows), field.type)).cast(field.type) for field in SCREENED]
            tables.append(pa.table(columns, schema=SCREENED))
        table = pa.concat_tables(tables)
        facts = table
        for name, kind in (("phash", pa.string()), ("luma_std", pa.float32())):  # of no picture, so nothing is alike
            facts = facts.append_column(name, pa.nulls(len(table), kind))
        group = pa.array(_groups(facts, BITS, 1234))
        table = table.set_column(table.schema.get_field_index("group"), SCREENED.field("group"), group)
        pq.write_table(table, self.folder / "screen.parquet")
        split(
            screen=str(self.folder / "screen.parquet"),
            plan=[
                {"origin": part.origin, "part": part.generator, "matched": False, "targets": targets}
                for part, _, targets in parts
            ],
            pack_items=5000,
            selection=str(self.folder / "selection.parquet"),
            ledger=str(self.folder / "ledger.parquet"),
            picks=str(self.folder / "picks"),
            progress=self.progress,
            members=members,
        )
        return pq.read_table(self.folder / "selection.parquet", filters=[("state", "==", KEPT)])

    def listed_of(self, index, name: str) -> dict[str, int]:
        ids = pq.read_table(index, filters=[("generator", "==", name)])["id"].to_pylist()
        places = [self.listed[key] for key in ids]
        return {place: places.count(place) for place in ("train", "validation")}


@pytest.fixture(scope="module")
def published(shared_data, tmp_path_factory) -> Published:
    from touchstone.progress import Progress

    return Published(tmp_path_factory.mktemp("published"), shared_data / "lists", Progress("test", streams=()))


@pytest.mark.slow
def test_the_published_lists_select_exactly_what_they_name_and_leak_as_counted(published):
    selection = published.select("ai_genbench_published", str(published.folder / "members.parquet"))
    assert dict(zip(selection["id"].to_pylist(), selection["split"].to_pylist(), strict=True)) == published.listed
    found = leaks(selection)
    sums = {
        origin: sum(entry["leaked"] for key, entry in found.items() if key.split()[:2] == ["validation", origin])
        for origin in ORIGINS
    }
    assert sums == {"drct_2m": 761, "synthbuster": 243, "forensynths": 377, "coco_2017": 0, "raise": 0}
    counts = selection.filter(pc.equal(selection["label"], 1)).group_by("origin").aggregate([("id", "count")]).to_pylist()
    assert {row["origin"]: row["id_count"] for row in counts} == {"drct_2m": 1124, "synthbuster": 421, "forensynths": 508}
    membership = published.folder / "membership.csv"
    write_membership(
        members=str(published.folder / "members.parquet"),
        selection=str(published.folder / "selection.parquet"),
        membership=str(membership),
        progress=published.progress,
    )
    statuses = [line.split(",")[-4] for line in membership.read_text(encoding="utf-8").splitlines()[1:]]
    assert statuses.count("found") == len(published.listed)
    assert statuses.count("substitute") == 0


@pytest.mark.slow
def test_our_own_split_of_the_same_images_leaks_nothing(published):
    selection = published.select("ai_genbench", None)
    assert leaks(selection) == {}
    assert len(selection) > 80_000
    shares = selection.filter(pc.equal(selection["label"], 1)).group_by("split").aggregate([("id", "count")]).to_pylist()
    assert {row["split"] for row in shares} == {"train", "validation"}
