"""Every test of the client ends with its pipelines closed: no thread and no half-sent record outlives it."""

import pytest

from godot_loglib import pipeline


@pytest.fixture(autouse=True)
def _closed_pipelines():
    yield
    for each in pipeline.pipelines():
        each.close(0.1)
