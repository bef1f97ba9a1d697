"""Texts near the borders between kinds: what is absent, what broke behind, what the caller did wrong, what is denied."""

from __future__ import annotations

import pytest

from godot_analysis.reading.classify import classify

BORDERS = [
    # Not found: whose, and of what?
    ("File not found: notes.txt", "entity.absent"),
    ("no such file or directory: /var/lib/app.db", "file.absent"),
    ("ENOENT: no such file or directory, open '/etc/docs/settings.yaml'", "file.absent"),
    ("The system cannot find the path specified.", "file.absent"),
    ("getaddrinfo failed: host not found", "connect.unresolved"),
    ("API key not found", "auth.missing"),
    ("Tool get_page not found", "tool.unknown"),
    ("Unknown tool: get_page", "tool.unknown"),
    ("Session not found", "session.unknown"),
    ("Issue DOC-42 not found", "entity.absent"),
    ("No results found for 'frobnication'", "entity.absent"),
    ("No such container: web-7", "entity.absent"),
    ("Could not find a page with the id 4711", "entity.absent"),
    ("The requested customer does not exist", "entity.absent"),
    ("The given key 'total' was not present in the dictionary.", "defect"),
    ('{"error": {"code": 404, "message": "Repository not found"}}', "entity.absent"),
    # There already.
    ('branch "release" already exists', "entity.exists"),
    ('duplicate key value violates unique constraint "users_email_key"', "entity.exists"),
    ("mkdir build: File exists", "entity.exists"),
    ("listen tcp :8080: bind: address already in use", "process.start"),
    ("Tool already exists: get_page", "name.collision"),
    # Said no: a person, the system, a service, a limit of paths.
    ("User rejected the request.", "user.declined"),
    ("Permission denied by user", "user.declined"),
    ("The operation was canceled by the user.", "user.declined"),
    ("open /var/lib/docs/index.lock: permission denied", "permission.denied"),
    ("mkdir /srv/cache: read-only file system", "permission.denied"),
    ("Access denied - path outside allowed directories: /etc/hosts", "path.off_limits"),
    ("Access denied for user 'root'@'localhost' (using password: YES)", "auth.refused"),
    # The caller's arguments, or what the server lacks.
    ("query is required", "arguments.missing"),
    ("Missing required parameter: path", "arguments.missing"),
    ("workspace name cannot be empty", "arguments.missing"),
    ("GITHUB_TOKEN is required", "auth.missing"),
    ("Authentication required", "auth.missing"),
    ("limit must be a positive integer", "arguments.invalid"),
    ("Expected string, received number", "arguments.invalid"),
    ("Invalid date format. Expected YYYY-MM-DD", "arguments.invalid"),
    ("invalid input syntax for type integer: 'abc'", "arguments.invalid"),
    ('syntax error at or near "FORM"', "arguments.invalid"),
    ("title too long: at most 100 characters", "arguments.invalid"),
    ("date is out of the allowed range", "arguments.invalid"),
    ("got an unexpected keyword argument 'limt'", "arguments.invalid"),
    ("list index out of range", "defect"),
    ("Invalid API key provided", "auth.refused"),
    # Something behind the server.
    ("could not open the display on this host: no display available", "dependency.failed"),
    ("Docker is not running", "dependency.failed"),
    ("Mail service is not configured on this instance", "dependency.failed"),
    ("Failed to retrieve forecast data from the weather API", "dependency.failed"),
    ("Model sentence-embedder is currently loading", "dependency.failed"),
    ("operation took too long", "request.timeout"),
    ("page.goto: Timeout 30000ms exceeded.", "request.timeout"),
    # Broken code, and nothing at all.
    ("Cannot read properties of undefined (reading 'map')", "defect"),
    ("'NoneType' object has no attribute 'get'", "defect"),
    ("runtime error: invalid memory address or nil pointer dereference", "defect"),
    ("undefined method `title' for nil:NilClass", "defect"),
    ("Internal error", "nothing"),
    ("MCP error -32603: Internal error", "nothing"),
    ("Error executing tool get_page", "nothing"),
    ("An error occurred invoking 'get_page'.", "nothing"),
    ("[object Object]", "nothing"),
    ("Something went wrong. Please try again later.", "nothing"),
]

EITHER = [
    ("Cannot find module 'express'", {"process.start", "process.not_found"}),
    ("upstream server not found (502)", {"upstream.unavailable", "dependency.failed"}),
    ("worker pool is empty", {"dependency.failed", "resource.exhausted"}),
    ("Browser extension is not connected", {"connect.lost", "dependency.failed"}),
    (
        "Cannot connect to the Docker daemon. Is the docker daemon running?",
        {"connect.refused", "dependency.failed"},
    ),
    ("could not reach the search service", {"connect.unreachable", "dependency.failed"}),
]


@pytest.mark.parametrize(("text", "kind"), BORDERS)
def test_a_text_near_a_border_is_read_as_its_kind(text, kind):
    assert classify(text).kind == kind, classify(text)


@pytest.mark.parametrize(("text", "kinds"), EITHER)
def test_a_failure_behind_the_server_is_never_an_answer(text, kinds):
    assert classify(text).kind in kinds, classify(text)
    assert not classify(text).tells("entity.absent", "arguments.missing", "arguments.invalid")


@pytest.mark.parametrize(
    "text",
    [
        "Found 12 pages in 3 ms",
        "The report was written to the disk and sent to all members of the team.",
        "Request handled: GET /pages 200",
        "loaded 4 documents, none skipped",
        "The function returns the number of items that match",
        "reading the configuration and starting to work",
        "Welcome back! You have 3 new messages.",
    ],
)
def test_ordinary_prose_tells_of_no_failure(text):
    failures = {
        "user.declined", "path.off_limits", "permission.denied", "dependency.failed", "arguments.missing",
        "arguments.invalid", "file.absent", "entity.exists", "entity.absent", "defect", "nothing",
    }  # fmt: skip
    assert not failures & set(classify(text).kinds), classify(text)
