"""Reads results of tools: whether one that is marked as a success tells of a failure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from godot_analysis.reading.fields import EXIT

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["failure_inside", "is_what_was_asked"]

# A mark of failure may stand in front. The last forms are read only as the one line that there is.
_FAILURE_TEXT: Final = re.compile(
    r"^[\s❌✗✘🚫⚠️*]*(?:(?<=[❌✗✘🚫] )(?:[\w-]{1,30} ){0,4}(?:error|exception|failure)\b"
    r"|(?:\w*\.)*\w*(?:error|exception)\b\s*[:\-]|traceback \(most recent|failed(?: to\b|:)"
    r"|error (?:while |when )?(?:executing|calling|running|invoking|processing|fetching|getting|retrieving"
    r"|reading|writing|loading|creating|updating|deleting|sending|saving|opening|connecting|accessing"
    r"|querying|searching|listing|parsing) [^\n:]{1,80}:"
    r"|(?:an |unexpected |unknown |internal )+error (?:has )?occurred"
    r"|(?:(?:unable to|could not|couldn't) (?!find|locate)\w+[^\n:]{0,80}: \S"
    r"|(?:(?:request|operation|query|connection|authentication|execution|call) failed)(?:: | with )\S"
    r"|(?:http )?error (?:code )?[45]\d\d\b\W|\(\d{3,5}, ['\"][^\n]{3,400}['\"]\)\Z"
    r"|(?:http )?(?:error )?(?:50\d[: ]*)?(?:internal server error|bad gateway|service unavailable"
    r"|gateway time-?out)\W*$)[^\n]*\Z)",
    re.IGNORECASE,
)
# “Export failed: …” is the tool's own failure where the tool is to export.
_OWN_FAILURE: Final = re.compile(r"^[\s❌✗✘🚫⚠️*]*(\w{4,}) failed: [^\n]+\Z", re.IGNORECASE)
# What is run to see whether it fails: then the failure is the answer.
_VERDICTS: Final = re.compile(
    r"(?:test|build|check|valid|verif|lint|job|pipeline|deploy|run|step|stage|task|suite|compil|assert)",
    re.IGNORECASE,
)
_CHECKS: Final = re.compile(r"test|check|valid|verif|lint|diagnos|probe|ping", re.IGNORECASE)
_ABOUT_ERRORS: Final = re.compile(
    r"logs?|errors?|exceptions?|tracebacks?|stderr|crash(?:es)?|failures?|failed|diagnostics?|console|incidents?",
    re.IGNORECASE,
)
_NAME_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_BAD_STATUS: Final = frozenset({"error", "failed", "failure"})
_SHORT: Final = 2
_MESSAGES: Final = ("message", "reason", "detail", "errorMessage", "errorMessages", "errors", "title", "msg")
_STATUS: Final = ("status", "statusCode", "status_code", "httpStatus")
_FIRST_ERROR: Final = 400
_LAST_ERROR: Final = 599
_NAME_LENGTH: Final = 200


def failure_inside(result: Any) -> str | None:
    """The failure that a result tells although it is not marked as one, None when it tells none."""
    if not isinstance(result, dict) or result.get("isError") is True:
        return None
    if isinstance(structured := result.get("structuredContent"), dict) and (told := _told(structured)):
        return told
    for text in map(str.strip, _texts(result)):
        if _FAILURE_TEXT.match(text) or _OWN_FAILURE.match(text):
            return text
        if text.startswith("{"):
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict) and (told := _told(value)):
                return told
    return None


def is_what_was_asked(told: str, result: Any, tool: str | None, arguments: dict[str, Any] | None) -> bool:
    """Whether the failure that a result tells is what the call was to bring: a log, a verdict of a test."""
    if told not in (text.strip() for text in _texts(result)):
        return False  # it stands in a field for it, so it is the call's own
    words = _NAME_WORD.findall(tool or "")
    if own := _OWN_FAILURE.match(told):
        if any(_CHECKS.match(word) for word in words):
            return True
        if not _FAILURE_TEXT.match(told):
            what, name = own.group(1).lower(), (tool or "").lower()
            return bool(_VERDICTS.match(what)) or what not in name
    # The first word may be a verb: `log_time` brings no log.
    words = [word for at, word in enumerate(words) if at or word.lower() != "log"]
    for value in (arguments or {}).values():
        words += _NAME_WORD.findall(value[:_NAME_LENGTH]) if isinstance(value, str) else ()
    return any(_ABOUT_ERRORS.fullmatch(word) for word in words)


def _told(value: dict[str, Any]) -> str | None:
    inner = value.get("result")
    for level in (value, inner if isinstance(inner, dict) and len(value) == 1 else {}):
        if any(isinstance(level.get(key), int) for key in EXIT):
            continue  # a process was run, and this is how it ended
        error = level.get("error")
        if error and error is not True:
            return _error_words(error)
        told = next((level[key] for key in _MESSAGES if level.get(key)), None)
        told = told[0] if isinstance(told, list) else told
        number = next((level[key] for key in _STATUS if type(level.get(key)) is int), 0)
        if _FIRST_ERROR <= number <= _LAST_ERROR and isinstance(told, str):
            return f"{number} {told}"
        failed = level.get("success") is False or level.get("ok") is False
        # A build that failed is a result like any other: a status is the call's own if it says little else.
        bad = str(level.get("status", "")).lower() in _BAD_STATUS and (told or len(level) <= _SHORT)
        if failed or error is True or bad:
            return told if isinstance(told, str) else "it says that it did not succeed"
    return None


def _error_words(error: Any) -> str:
    if isinstance(error, dict):
        return str(error.get("message") or error.get("type") or json.dumps(error))
    return str(error)


def _texts(result: dict[str, Any]) -> Iterator[str]:
    content = result.get("content")
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            yield part["text"]
