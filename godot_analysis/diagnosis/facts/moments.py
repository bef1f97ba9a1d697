"""How far apart in time two records may be that belong together."""

from __future__ import annotations

from typing import Final

import pandas as pd

__all__ = ["LEEWAY", "WAITED"]

LEEWAY: Final = pd.Timedelta(seconds=1)
"""How much later than it happened a lone entry may have been received by the log store."""

WAITED: Final = pd.Timedelta(minutes=2)
"""So long ago a request was sent that is refused now."""
