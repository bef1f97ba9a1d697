"""Random systems of MCP components with planted faults, and how well `ga.diagnose` reads their logs."""
