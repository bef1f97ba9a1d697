"""What follows when the tools of a server never came: now and then somebody asks for one, and is refused."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from diagnosing.wordlists import fill

if TYPE_CHECKING:
    from diagnosing.system import System

__all__ = ["missed", "refuse_at_relay"]


def missed(system: System, victim: str) -> None:
    """What follows when a server's tools never came: now and then somebody asks for one."""
    system.work(1, 6, without=(victim,))
    tool = system.tools[victim][0]["name"]
    if system.relays and system.chance.random() < 0.6:
        refuse_at_relay(system, tool)
    elif not system.relays and system.client not in system.mute and system.chance.random() < 0.5:
        system.refuse(victim, tool)


def refuse_at_relay(system: System, tool: str) -> None:
    """A call that the last relay refuses, as the relay's own words or as an answer."""
    system.pause()
    operation = system.operation()
    path = [system.client, *system.relays]
    params = {"name": tool, "arguments": {}}
    said = fill(system.pick(system.texts.refused_at_relay), tool=tool)
    hops = list(itertools.pairwise(path))
    requests = [system.send(asker, asked, "tools/call", params, operation) for asker, asked in hops]
    if system.styles[system.hub] == "router":
        known = [told["name"] for told in system.held[system.hub]]
        data = {"tool_name": tool, "available_tools": known}
        system.say(system.hub, "ERROR", f"Unknown tool: {tool}", data, operation)
    code = system.chance.choice([-32603, -32602])
    answer = {"error": {"code": code, "message": said}}
    for (asker, asked), request in reversed(list(zip(hops, requests, strict=True))):
        system.reply(asker, asked, request, answer, operation)
