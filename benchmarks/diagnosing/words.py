"""What real components, tools and neighbours are called; what they say is in the word lists."""

# ruff: noqa: E501 - tables of names

from __future__ import annotations

from typing import Final

CLIENTS: Final = ["claude-code", "cursor", "vscode", "codex", "windsurf", "zed", "agent", "desktop", "host"]
RELAYS: Final = ["mcp-relay", "relay", "hub", "gateway", "mcp-proxy", "router", "bridge"]
SERVERS: Final = [
    "gates", "dewey", "fiedler", "playfair", "marco", "github", "filesystem", "weather-mcp", "postgres-mcp",
    "notion", "slack", "jira_cloud", "search", "maps", "billing", "calendar", "docs-server", "vault", "sentry",
    "browser", "memory", "kube", "tickets", "Mailer",
]  # fmt: skip
VERBS: Final = ["get", "list", "create", "search", "update", "delete", "read", "write", "export", "validate"]
NOUNS: Final = [
    "document", "issue", "file", "page", "forecast", "table", "channel", "ticket", "invoice", "event", "route",
    "secret", "alert", "tab", "note", "pod", "message", "report", "build", "user",
]  # fmt: skip
NEIGHBOURS: Final = ["nginx", "scheduler", "postgres", "cron", "backup", "metrics-agent"]
