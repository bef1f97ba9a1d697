"""The table of redaction rules, as `rules.json` beside this module has it; Node reads the same."""

import json
import re
from pathlib import Path
from typing import Any, Final

TABLE: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("rules.json").read_text("utf-8"))
MARKER: Final[str] = TABLE["marker"]
MARKED: Final = re.compile(r"\[REDACTED(?::[0-9a-f]{4,16})?\]")
HARMLESS_VALUES: Final = frozenset(TABLE["harmless"]["values"])
LOGINS: Final = frozenset(TABLE["harmless"]["logins"])
PROSE: Final = frozenset(TABLE["harmless"]["words"])
CURSORS: Final = frozenset(TABLE["harmless"]["cursors"])
