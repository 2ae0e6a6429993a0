"""The test cluster, and a demo that is built on it and on this machine at the same time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from tests.building import HOME
from tests.cluster.place import ClusterPlace


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/cluster/" in item.nodeid:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def cluster():
    """The cluster of ``make cluster``, with all nodes up; stopped afterwards."""
    if os.geteuid() or not shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin"):
        pytest.skip("needs root and Debian's packages of Slurm: see cluster/README.md")
    command = [sys.executable, str(HOME / "cluster/cluster.py")]
    done = subprocess.run([*command, "start"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    yield
    subprocess.run([*command, "stop"], check=True)


@pytest.fixture(scope="session")
def both(cluster, tmp_path_factory):
    """``(built on the cluster, built on this machine)``, both finished. Only to be looked at."""
    there = ClusterPlace(tmp_path_factory.mktemp("cluster") / "place")
    here = ClusterPlace(tmp_path_factory.mktemp("local") / "place")
    with there.start() as process:
        here.run(cores=2)
        there.finish(process)
    return there, here


@pytest.fixture
def copy(both, tmp_path):
    """The finished build, to go on with."""
    return both[1].copy(tmp_path / "place")
