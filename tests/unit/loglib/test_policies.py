"""The shared vectors of payload policy and sampling (clients/wire/policies.json); the Node client reads them, too."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from godot_loglib.settings import read_settings

payload = pytest.importorskip("godot_loglib.payload")
VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "clients" / "wire" / "policies.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", VECTORS["payloads"], ids=lambda case: str(case["name"]))
def test_payloads_become_what_the_vectors_say(case: dict[str, Any]) -> None:
    settings: Any = read_settings({"payloads": case["policy"], "payload_bytes": case["limit"]})
    policy = payload.Payloads(dict(settings.payloads), case["limit"])
    for message in case["messages"]:
        mcp = copy.deepcopy(message["mcp"])
        policy.apply(mcp, 1 << 30)
        found = {key: mcp[key] for key in ("payload", "policy") if key in mcp}
        assert json.dumps(found, ensure_ascii=False) == json.dumps(message["recorded"], ensure_ascii=False)
