"""The demo, built once by the real Snakemake; tests that change something work on a copy."""

from __future__ import annotations

import pytest
from tests.building import Workplace


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Workplace:
    """A finished build of the demo. Only to be looked at."""
    place = Workplace(tmp_path_factory.mktemp("demo") / "place")
    place.run()
    return place


@pytest.fixture
def copy(demo, tmp_path) -> Workplace:
    """The finished build, to go on with."""
    return demo.copy(tmp_path / "place")
