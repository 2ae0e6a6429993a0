"""protocols.py: windows, held-out generators, families, contents, dates and folds, as cells of the images."""

from __future__ import annotations

import csv
import io
from collections import Counter

import pyarrow.parquet as pq
import pytest

from touchstone.draw import rank_keys
from touchstone.errors import TouchstoneError
from touchstone.progress import Progress
from touchstone.protocols import write_protocols
from touchstone.record import MANIFEST, SELECTED, table_of

GENERATORS = {
    f"G{number}": {"family": f"F{number // 3}", "released": f"20{20 - number:02d}-01-01"} for number in range(9)
}  # G8 is the oldest
SPLITS = {"train": 40, "test": 10}


def image(key: str, split: str, generator: str, origin: str, group: int) -> dict:
    known = {"id": key, "split": split, "label": int(bool(generator)), "generator": generator, "origin": origin, "group": group}
    return known | {"content": "faces" if len(key) % 2 else "", "file": f"data/{split}/x.parquet", "row": 0, "state": "kept"}


class Written:
    """The two tables of a dataset of nine generators and two origins of reals, in groups of two images."""

    def __init__(self, folder, protocols: dict):
        rows = []
        for split, count in SPLITS.items():
            for name in GENERATORS:
                rows += [(f"{name}/{split}{number}", split, name, "fakes") for number in range(count)]
            for origin in ("web", "album"):
                rows += [(f"{origin}/{split}{number}", split, "", origin) for number in range(9 * count // 2)]
        keys = rank_keys(1, [row[0] for row in rows]).tolist()
        rows = [image(*row, keys[place // 2 * 2]) for place, row in enumerate(rows)]
        folder.mkdir(exist_ok=True)
        for name, schema in (("manifest", MANIFEST), ("selection", SELECTED)):
            columns = [{key: row[key] for key in schema.names if key in row} for row in rows]
            pq.write_table(table_of(columns, schema), folder / f"{name}.parquet")
        progress = Progress("publish", streams=(io.StringIO(),))
        write_protocols(
            manifest=str(folder / "manifest.parquet"),
            selection=str(folder / "selection.parquet"),
            generators=GENERATORS,
            protocols=protocols,
            splits=list(SPLITS),
            scored=["test"],
            seed=3,
            images=str(folder / "protocols.parquet"),
            folds=str(folder / "protocols.csv"),
            progress=progress,
        )
        self.said = progress.streams[0].getvalue()
        self.images = pq.read_table(folder / "protocols.parquet").to_pylist()
        with open(folder / "protocols.csv", newline="", encoding="utf-8") as file:
            self.folds = list(csv.DictReader(file))

    def fold(self, protocol: str, fold: str, role: str) -> list[dict]:
        """Images of one side of a fold, as a user joins the two tables."""
        cells = {
            (row["split"], row["cell"])
            for row in self.folds
            if (row["protocol"], row["fold"], row["role"]) == (protocol, fold, role)
        }
        return [row for row in self.images if (row["split"], row[protocol]) in cells]

    def names(self, protocol: str) -> list[str]:
        return list(dict.fromkeys(row["fold"] for row in self.folds if row["protocol"] == protocol))


@pytest.fixture
def written(tmp_path):
    return lambda **protocols: Written(tmp_path / "protocols", protocols)


def generators_in(rows: list[dict]) -> set[str]:
    return {row["generator"] for row in rows} - {""}


def test_windows_train_on_what_came_before_and_test_on_what_came_next(written):
    made = written(temporal={"by": "released", "window": 4})
    assert made.names("temporal") == ["before_window_1", "before_window_2"]
    assert generators_in(made.fold("temporal", "before_window_1", "train")) == {"G8", "G7", "G6", "G5"}
    assert generators_in(made.fold("temporal", "before_window_1", "test")) == {"G4", "G3", "G2", "G1"}
    assert generators_in(made.fold("temporal", "before_window_2", "train")) == {f"G{number}" for number in range(1, 9)}
    for fold in made.names("temporal"):
        for role, split in (("train", "train"), ("test", "test")):
            rows = made.fold("temporal", fold, role)
            assert {row["split"] for row in rows} == {split}
            labels = Counter(row["label"] for row in rows)
            assert abs(labels[0] - labels[1]) <= 2  # as many reals as fakes, of each origin to the next whole number


def test_reals_of_a_window_are_of_no_other_and_of_the_same_mix(written):
    made = written(temporal={"by": "released", "window": 4})
    counts = Counter((row["split"], row["temporal"], row["origin"]) for row in made.images if not row["label"])
    assert sum(counts.values()) == 450
    for (split, cell, _), count in counts.items():
        assert abs(count - counts[split, cell, "web"]) <= 1


def test_cuts_are_days_on_which_a_period_begins(written):
    made = written(dated={"by": "released", "cuts": ["2015-01-01", "2019-06-01"]})
    assert generators_in(made.fold("dated", "before_period_1", "train")) == {"G8", "G7", "G6"}  # 2012 to 2014
    assert generators_in(made.fold("dated", "before_period_2", "test")) == {"G0"}


def test_every_generator_is_left_out_once(written):
    made = written(unseen={"by": "generator"})
    assert len(made.names("unseen")) == 9
    assert generators_in(made.fold("unseen", "without_G3", "test")) == {"G3"}
    assert generators_in(made.fold("unseen", "without_G3", "train")) == set(GENERATORS) - {"G3"}


def test_families_are_left_out_whole(written):
    made = written(cross_family={"by": "family"})
    assert generators_in(made.fold("cross_family", "without_F1", "test")) == {"G3", "G4", "G5"}


def test_held_out_generators_are_tested_alone_and_what_is_not_there_is_told(written):
    made = written(later={"by": "generator", "held_out": ["G0", "G1"], "test": ["train", "test"]})
    assert generators_in(made.fold("later", "held_out", "test")) == {"G0", "G1"}
    assert {row["split"] for row in made.fold("later", "held_out", "test")} == {"train", "test"}
    assert not generators_in(made.fold("later", "held_out", "train")) & {"G0", "G1"}
    with pytest.raises(TouchstoneError, match="'G77'"):
        written(later={"by": "generator", "held_out": ["G77"]})


def test_groups_on_both_sides_of_a_fold_are_told(written):
    assert "groups train and test" not in written(five={"by": "group", "folds": 5}, unseen={"by": "generator"}).said
    made = written(later={"by": "generator", "train": ["train"], "test": ["train"]})
    assert "later, without_G3: " in made.said  # reals of one group are dealt to several cells
    assert "groups train and test" in made.said


def test_reals_have_a_content_of_their_own(written):
    made = written(what={"by": "content"})
    assert {row["content"] for row in made.fold("what", "without_faces", "test")} == {"faces"}
    assert {row["label"] for row in made.fold("what", "without_unknown", "test")} == {0, 1}


def test_folds_of_groups_cover_everything_once_and_tear_none(written):
    made = written(folds={"by": "group", "folds": 5})
    tested = [row["id"] for fold in made.names("folds") for row in made.fold("folds", fold, "test")]
    assert sorted(tested) == sorted(row["id"] for row in made.images)
    for fold in made.names("folds"):
        sides = [{row["group"] for row in made.fold("folds", fold, role)} for role in ("train", "test")]
        assert not sides[0] & sides[1]
        assert 0.1 < len(sides[1]) / sum(map(len, sides)) < 0.3


def test_a_protocol_of_one_cell_is_a_mistake(written):
    with pytest.raises(TouchstoneError, match="one cell"):
        written(windows={"by": "released", "window": 9})


def test_without_protocols_the_tracks_are_still_there(written):
    made = written()
    assert made.folds == []
    assert {(row["generator"], row["family"], row["released"]) for row in made.images if row["label"]} == {
        (name, entry["family"], entry["released"]) for name, entry in GENERATORS.items()
    }
