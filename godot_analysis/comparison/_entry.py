"""`compare` and `lint`: what is given, told apart, and handed to the comparison that fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from godot_analysis.comparison._comparison import Comparison
from godot_analysis.comparison._components import EVERYTHING, HANDSHAKE, component_differences
from godot_analysis.comparison._difference import ranked
from godot_analysis.comparison._observed import Log
from godot_analysis.comparison._tools import tool_differences
from godot_analysis.comparison._traces import trace_differences
from godot_analysis.errors import BadFilter, BadFrame
from godot_analysis.reconstruction.flow import Flow
from godot_analysis.reconstruction.reconstruct import reconstruct
from godot_analysis.schema.lint import lint_frame
from godot_analysis.schema.walk import Budget

if TYPE_CHECKING:
    from godot_analysis.comparison._difference import Difference

__all__ = ["compare", "lint"]

_MOST_WORK: Final = 1_000_000  # pairs of subschemas: some ten seconds
_HINT: Final = "give two component names with logs=…, two log frames or flows, or two lists of tools"

Logs = pd.DataFrame | Flow
Tools = Mapping[str, Any] | Iterable[Mapping[str, Any]]


def compare(
    a: str | Logs | Tools,
    b: str | Logs | Tools,
    *,
    what: str = EVERYTHING,
    logs: Logs | None = None,
    labels: tuple[str, str] = ("left", "right"),
) -> Comparison:
    """Compare two components, a good and a bad trace, or two lists of tools.

    Parameters
    ----------
    a, b
        Two names of components, with `logs`. Or two log frames or flows: a good and a bad trace. Or two lists
        of tools, each as a list of dicts or as the result of `tools/list`.
    what : str
        Of components: `tools/list`, how they were reached, greeted, listed and called; or `initialize`, only
        how they were greeted. Traces and lists are always compared whole.
    logs : DataFrame or Flow, optional
        Where the two components are to be found.
    labels : pair of str
        What to call two traces or lists.

    Returns
    -------
    Comparison
        `.differences` is a DataFrame, `.breaking` tells whether anybody is broken, `.first` where it began.

    Raises
    ------
    BadFilter
        When a component is not in the log, or `what` has no meaning.
    BadFrame
        When what is given cannot be compared.

    Notes
    -----
    Lists of one server are compared tool by tool, those of different servers in manner: the keywords and
    conventions they use, and the rules of common hosts that only one of them breaks. If one of two components
    reads the list of the other and offers it to others, the two hops of that list are compared, the server's
    on the left. How differences are judged is told in `comparison/README.md`.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> from godot_analysis.loading.tables import log_table
    >>> reached = '''
    ...     0.0  relay sends dewey  ? 1 initialize  #1
    ...     0.1  relay gets  dewey  = 1  #1
    ... '''
    >>> good = log_table(reached + reached.replace("dewey", "gates").replace("#1", "#2"))
    >>> bad = log_table(reached + "0.2 gates says INFO server starting")
    >>> ga.compare("gates", "dewey", logs=bad).first.message
    'gates: it logs, but nobody is seen to connect to it (on the left)'
    >>> ga.compare(good, bad).first.message
    'relay → gates: initialize is on the left only'
    """
    if what not in {EVERYTHING, HANDSHAKE}:
        raise BadFilter(f"cannot compare {what!r}", hint=f"what is {EVERYTHING} or {HANDSHAKE}")
    budget = Budget(_MOST_WORK)
    found: list[Difference]
    remarks: list[str] = []
    compared: tuple[str, ...] | None = None
    if isinstance(a, str) and isinstance(b, str):
        if logs is None:
            raise BadFrame(f"where are {a} and {b}?", hint="add logs=…")
        left, right, found, remarks, compared = component_differences(a, b, _flow(logs), what, budget)
        about = "components"
    elif isinstance(a, Logs) and isinstance(b, Logs):
        left, right = labels
        flows = _flow(a), _flow(b)
        found, about = trace_differences(*flows, budget), "traces"
        if all(flow.hops.empty for flow in flows):
            compared, remarks = (), ["neither of them shows a message"]
    elif not isinstance(a, str | Logs) and not isinstance(b, str | Logs):
        left, right = labels
        found, about = tool_differences(_tools(a), _tools(b), budget=budget), "tool lists"
    else:
        raise BadFrame(f"cannot compare {_kind(a)} with {_kind(b)}", hint=_HINT)
    if budget.spent:
        remarks = [*remarks, "more than fits a comparison: what is nested deepest was left out"]
    return Comparison(left, right, about, ranked(found), tuple(remarks), compared)


def lint(
    tools: str | Tools,
    host: str = "claude-code",
    *,
    server: str | None = None,
    logs: Logs | None = None,
) -> pd.DataFrame:
    """Check a list of tools against the rules of a common host.

    Parameters
    ----------
    tools
        A list of tools, a result of `tools/list`, or with `logs` a component that listed them.
    host : str
        `claude-code`, `claude-desktop`, `openai`, `vscode`, `copilot`, `cursor`, `gemini`, or `all` of them.
    server : str, optional
        How the host's settings name the server: it stands in front of each name, and counts.
    logs : DataFrame or Flow, optional
        Where the list is to be found.

    Returns
    -------
    DataFrame
        The columns of `comparison.PROBLEMS`, errors first: what the host refuses or drops, what works by luck
        (`warning`), and what could be better (`info`). Empty when there is nothing to say.

    Raises
    ------
    BadFilter
        When the host is not known, or the component listed nothing in this log.
    BadFrame
        When what is given is no list of tools.

    Examples
    --------
    >>> import godot_analysis as ga
    >>> found = ga.lint([{"name": "files.open", "inputSchema": {"anyOf": []}}])
    >>> found[found.severity == "error"].rule.tolist()
    ['name-characters', 'root-type', 'root-combinator']
    """
    if isinstance(tools, str):
        if logs is None:
            raise BadFrame(f"where did {tools} list its tools?", hint="add logs=…")
        listing = Log(_flow(logs)).observed(tools).listing
        if listing is None:
            raise BadFilter(f"no list of the tools of {tools!r} is in the log", hint="log at TRACE")
        return lint_frame(listing.tools, host, server)
    return lint_frame(_tools(tools), host, server)


def _flow(given: Logs) -> Flow:
    return given if isinstance(given, Flow) else reconstruct(given)


def _tools(given: Any) -> list[Any]:
    held = given.get("tools") if isinstance(given, Mapping) else given
    if isinstance(held, Mapping | str) or not isinstance(held, Iterable):
        raise BadFrame(f"{_kind(given)} is no list of tools", hint=_HINT)
    return list(held)


def _kind(value: object) -> str:
    return "a name" if isinstance(value, str) else type(value).__name__
