"""What the tests of export share: graphs that are traced once."""

from __future__ import annotations

import os

import pytest

from tests.support.export.graphs import TracedGraphs


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> TracedGraphs:
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "traced-graphs"
    folder.mkdir(exist_ok=True)
    return TracedGraphs(folder)
