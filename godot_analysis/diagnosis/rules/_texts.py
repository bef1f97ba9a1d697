"""What the text of an error gives away: whose mistake it tells of, and what kind it is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, Literal

from godot_analysis.diagnosis.facts import EXIT_KEYS, refuses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from godot_analysis.diagnosis.facts import Call

__all__ = [
    "answers_no",
    "asked_for",
    "blame",
    "connection_words",
    "error_words",
    "failure_inside",
    "generic",
    "refused_words",
    "same_error",
    "tells_nothing",
    "temporary",
    "timed_out_words",
    "unserialisable",
]

INVALID_REQUEST: Final = -32600
INVALID_PARAMS: Final = -32602
METHOD_NOT_FOUND: Final = -32601
INTERNAL_ERROR: Final = -32603

_UNSERIALISABLE: Final = re.compile(
    r"not (?:json )?serializ|serializ\w* (?:failed|error)|circular structure|cannot (?:be )?serializ"
    r"|could not (?:be )?serializ|(?:failed|unable) to serializ|do not know how to serializ"
    r"|not json.compliant|no serializer|object cycle"
    r"|json: unsupported (?:type|value)|serialization and deserialization of",
    re.IGNORECASE,
)
_DEFECT: Final = re.compile(
    r"traceback|typeerror|attributeerror|referenceerror|nameerror|indexerror|rangeerror|zerodivision"
    r"|assertionerror"
    r"|nonetype|null ?pointer|undefined|is not a function|not iterable|not subscriptable|cannot read propert"
    r"|has no attribute|is not defined|segmentation|internal (?:server )?error|unhandled|stack overflow"
    r"|unpack|object is not|division by zero|out of range|modulenotfound|importerror|no module named"
    r"|runtime error|nil pointer|invalid memory|unwrap\(\)|panic|object reference not set|\bjava\.\w+\.",
    re.IGNORECASE,
)
# A check of the arguments against the schema of the tool, as the SDKs word it.
_REFUSED_ARGUMENTS: Final = re.compile(r"input validation error|invalid arguments for tool", re.IGNORECASE)
# What a database says of a table that the tool itself relies on, and of SQL that the caller wrote.
_DATABASE: Final = re.compile(
    r"\bora-\d{5}|sqlstate|psycopg|sqlalchemy|sqlite3?\.|no such (?:table|column)|unknown column"
    r"|\b(?:table|relation|column|view)\b[^\n]{0,80}? does(?:n't| not) exist",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"['\"`](\w+)['\"`]")
_SQL: Final = re.compile(r"\b(?:select|insert|update|delete|alter|with|from|into|table)\b", re.IGNORECASE)
# What only the one who runs the backend can mend.
_SURROUNDINGS: Final = re.compile(
    r"api[ _-]?key|credential|unauthori[sz]ed|forbidden|permission denied|database|\bdb\b|disk|out of memory"
    r"|quota|too many requests|\b429\b|throttl"
    r"|rate limit|connection|refused|timed? ?out|unavailable|unreachable|econn|enospc|eacces|name or service"
    r"|upstream|fetch failed|is locked|bad gateway|\b50[0234]\b",
    re.IGNORECASE,
)
_TEMPORARY: Final = re.compile(
    r"too many requests|\b429\b|throttl|rate limit|retry (?:after|later|in)\b|try again|temporar|\bbusy\b"
    r"|is locked|service unavailable|\b503\b|timed? ?out|econnreset",
    re.IGNORECASE,
)
# What the one who set the backend up does not let anybody reach.
_OFF_LIMITS: Final = re.compile(
    r"outside (?:of )?(?:the |your |its )?(?:allowed|permitted|workspace|sandbox)", re.IGNORECASE
)
_DECLINED: Final = re.compile(
    r"\buser (?:has )?(?:declined|denied|rejected|refused|dismissed)\b"
    r"|\b(?:declined|denied|rejected|refused) by (?:the )?user(?![\w-])(?! \w)",
    re.IGNORECASE,
)
# Words of which every error may consist.
_NOTHING: Final = re.compile(
    r"(?:\b(?:error|errors|failed|failure|unknown|unexpected|exception|an?|the|has|occurred|while|when"
    r"|calling|running|invoking|tool|call|request|operation|something|went|wrong|mcp)\b|\W)*",
    re.IGNORECASE,
)
_MISTAKE: Final = re.compile(
    r"required|missing|invalid|must (?:be|not|have|contain)|validation|not a valid|should be|expected"
    r"|unsupported|not supported|unexpected (?:keyword|argument|property|field)|additional propert"
    r"|unrecogni[sz]ed|too (?:long|large|short|small|many)|exceeds|not allowed|not found"
    r"|does(?:n't| not) exist|no such|unknown (?!method|error)|malformed|bad request"
    r"|cannot be empty|is empty|out of bounds|schema|syntax error",
    re.IGNORECASE,
)
_CONNECTION: Final = re.compile(
    r"connection (?:was )?(?:lost|closed|refused|reset|failed|aborted)|connectionclosed|no close frame"
    r"|econn|epipe"
    r"|broken pipe|not connected|disconnected|cannot connect|failed to connect|connect call failed"
    r"|actively refused|no route to host|unreachable",
    re.IGNORECASE,
)
_REFUSED: Final = re.compile(
    r"refused|connect(?:ion)? (?:call )?failed|(?:cannot|could not|failed to) connect|errno 111|unreachable"
    r"|no route to host|enotfound|getaddrinfo",
    re.IGNORECASE,
)
_TIMED_OUT: Final = re.compile(
    r"timed? ?out|timeoutexception|deadline exceeded|terminal signal within", re.IGNORECASE
)
_MISSING_ARGUMENT: Final = re.compile(
    r"(?:KeyError: *|missing \d+ required (?:positional|keyword-only) arguments?: *"
    r"|missing required (?:argument|parameter|field|property):? *)"
    r"['\"]?(\w+)",
    re.IGNORECASE,
)
# A mark of failure may stand in front. The last forms are read only as the one line that there is.
_FAILURE_TEXT: Final = re.compile(
    r"^[\s❌✗✘🚫⚠️*]*(?:(?:\w*\.)*\w*(?:error|exception)\b\s*[:\-]|traceback \(most recent|failed(?: to\b|:)"
    r"|error (?:while |when )?(?:executing|calling|running|invoking|processing|fetching|getting|retrieving"
    r"|reading|writing|loading|creating|updating|deleting|sending|saving|opening|connecting|accessing"
    r"|querying|searching|listing|parsing) [^\n:]{1,80}:"
    r"|(?:an |unexpected |unknown |internal )+error (?:has )?occurred"
    r"|(?:(?:unable to|could not|couldn't) (?!find|locate)\w+[^\n:]{0,80}: \S"
    r"|(?:(?:request|operation|query|connection|authentication|execution|call) failed)(?:: | with )\S"
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
_VARIABLE: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\b[0-9a-f]{8,}(?:-[0-9a-f]+)*\b|\d+")
# What the codes of JSON-RPC are called, in the words of the specification and of the SDKs.
_CODE_WORDS: Final = re.compile(
    r"(?:\b(?:invalid|bad|request|param(?:eter)?s?|arguments?|error|mcp|json|rpc|protocol|message|tools?|call"
    r"|the|for|of|in|input|received|before|initialization|was|complete)\b|\W)*",
    re.IGNORECASE,
)
_BAD_STATUS: Final = frozenset({"error", "failed", "failure"})
_SHORT: Final = 2
_NAME_LENGTH: Final = 200
# What a tool says of the world, and not of the call: what was asked for is not there, or there already.
_ABSENT: Final = re.compile(
    r"not found|no such (?!method|tool)|does(?:n't| not) exist|already exists|nothing (?:was )?found|enoent"
    r"|no (?:matches|results|matching|\w+ with (?:that|this|the)|\w+ (?:was |were )?found)",
    re.IGNORECASE,
)


def blame(call: Call, takes: frozenset[str] | None = None) -> Literal["caller", "callee", "unknown"]:
    """Whose mistake an error is, judged by its code, its text, and the arguments that were sent.

    `takes` are all the arguments that there can be, None when nobody knows them.
    """
    text = call.error_text
    lacking = _MISSING_ARGUMENT.search(text)
    if lacking:
        impossible = takes is not None and lacking.group(1) not in takes
        return "callee" if impossible or lacking.group(1) in (call.arguments or {}) else "caller"
    if call.error_code == INVALID_PARAMS or _REFUSED_ARGUMENTS.search(text):
        return "caller"
    if _OFF_LIMITS.search(text):
        return "caller"
    inside = _own_table(call) or _UNSERIALISABLE.search(text) or _SURROUNDINGS.search(text)
    if _DEFECT.search(text) or inside or call.error_code == METHOD_NOT_FOUND:
        return "callee"
    # An invalid request is one that was framed wrongly, whatever its arguments.
    return "caller" if _MISTAKE.search(text) and call.error_code != INVALID_REQUEST else "unknown"


def _own_table(call: Call) -> bool:
    """Whether a database lacks something that the caller has not named, neither by itself nor in SQL."""
    sent = str(call.arguments or "")
    named = any(name in sent for name in _QUOTED.findall(call.error_text))
    return bool(_DATABASE.search(call.error_text)) and not (named or _SQL.search(sent))


def answers_no(call: Call) -> bool:
    """Whether a tool answered that what was asked for is not there, or a user said no, which is no fault."""
    text = call.error_text
    if call.status == "tool_error" and _DECLINED.search(text):
        return True
    return (
        call.status == "tool_error"
        and _ABSENT.search(text) is not None
        and not (_DEFECT.search(text) or refuses(text) or _MISSING_ARGUMENT.search(text))
    )


def connection_words(text: str) -> bool:
    """Whether an error tells of a connection that could not be used.

    >>> connection_words("no close frame received or sent"), connection_words("markdown is required")
    (True, False)
    """
    return bool(_CONNECTION.search(text))


def refused_words(text: str) -> bool:
    """Whether an error tells that nobody listened where a connection was to be made.

    >>> refused_words("Connect call failed ('127.0.0.1', 9050)"), refused_words("connection closed")
    (True, False)
    """
    return bool(_REFUSED.search(text))


def timed_out_words(text: str) -> bool:
    """Whether an error tells that nobody would wait any longer.

    >>> timed_out_words("MCP error -32001: Request timed out"), timed_out_words("time is up")
    (True, False)
    """
    return bool(_TIMED_OUT.search(text))


def error_words(call: Call) -> str:
    """The error that a call ended with, in one line."""
    code = f"{call.error_code} " if call.error_code is not None else ""
    return f"{code}{call.error_text or 'an error without a text'}"[:200]


def unserialisable(text: str) -> bool:
    """Whether a result could not be turned into JSON.

    >>> unserialisable("Object of type datetime is not JSON serializable")
    True
    """
    return bool(_UNSERIALISABLE.search(text))


def generic(text: str) -> bool:
    """Whether an error only words its code, and names nothing that was wrong with this very call.

    >>> generic("Invalid request parameters"), generic("conversation_id is required")
    (True, False)
    """
    return _CODE_WORDS.fullmatch(text) is not None


def temporary(text: str) -> bool:
    """Whether an error says that the same call may succeed later.

    >>> temporary("429 Too Many Requests, retry after 2 s"), temporary("division by zero")
    (True, False)
    """
    return _TEMPORARY.search(text) is not None


def tells_nothing(call: Call) -> bool:
    """Whether an error says that the call failed, and nothing else."""
    text = call.error_text.replace(call.tool, "") if call.tool else call.error_text
    return _NOTHING.fullmatch(text) is not None


def same_error(call: Call) -> tuple[int | None, str]:
    """The error of a call without its variable parts, to see that several are one."""
    text = call.error_text.replace(call.tool, "…") if call.tool else call.error_text
    return call.error_code, _VARIABLE.sub("…", text).strip().lower()


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


def asked_for(call: Call, told: str) -> bool:
    """Whether the failure that a result tells is what the call was to bring: a log, a verdict of a test."""
    if told not in (text.strip() for text in _texts(call.result)):
        return False  # it stands in a field for it, so it is the call's own
    words = _NAME_WORD.findall(call.tool or "")
    if own := _OWN_FAILURE.match(told):
        if any(_CHECKS.match(word) for word in words):
            return True
        if not _FAILURE_TEXT.match(told):
            what, name = own.group(1).lower(), (call.tool or "").lower()
            return bool(_VERDICTS.match(what)) or what not in name
    # The first word may be a verb: `log_time` brings no log.
    words = [word for at, word in enumerate(words) if at or word.lower() != "log"]
    for value in (call.arguments or {}).values():
        words += _NAME_WORD.findall(value[:_NAME_LENGTH]) if isinstance(value, str) else ()
    return any(_ABOUT_ERRORS.fullmatch(word) for word in words)


def _told(value: dict[str, Any]) -> str | None:
    inner = value.get("result")
    for level in (value, inner if isinstance(inner, dict) and len(value) == 1 else {}):
        if any(isinstance(level.get(key), int) for key in EXIT_KEYS):
            continue  # a process was run, and this is how it ended
        error = level.get("error")
        if error and error is not True:
            return _error_words(error)
        told = level.get("message") or level.get("reason") or level.get("detail")
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
