"""The tools that a request defines, one by one, in the order they are given, in every dialect."""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy_addon.shapes.fields import items, mapping, text

_LISTS = ("tools", "functions")
_CONFIG = "toolConfig"
"""Converse's: a list of tools, and which of them must be used beside it."""
_DECLARATIONS = ("functionDeclarations", "function_declarations")
_INNER = ("function", "toolSpec")
_NO_NAMESPACE = "functions"


def without_tools(frame: Mapping[str, Any]) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """Name, as calls of it say it, and definition of each tool; and what is left of the frame. Nothing is lost: what is
    no tool in any dialect stays in the frame, or keeps its place among the tools without a name."""
    rest, lists = dict(frame), []
    config = mapping(rest.get(_CONFIG))
    if isinstance(config.get("tools"), list):
        lists.append(config["tools"])
        rest[_CONFIG] = {key: one for key, one in config.items() if key != "tools"}
    lists += [rest.pop(key) for key in _LISTS if isinstance(rest.get(key), list)]
    return [named for given in lists for tool in given for named in _definitions(tool)], rest


def given_tools(item: Any) -> list[tuple[str, Any]]:
    """Name and definition of the tools that an item of the input defines, as Codex's newer models have it."""
    is_given = mapping(item).get("type") == "additional_tools"
    return [named for tool in items(mapping(item).get("tools")) for named in _definitions(tool)] if is_given else []


def full_name(name: str, namespace: str) -> str:
    """A name with the namespace it is declared in, which for Codex's MCP servers is `mcp__SERVER`, and for tools in
    none may be `functions`."""
    if namespace in ("", name, _NO_NAMESPACE):
        return name
    return f"{namespace.rstrip('_')}__{name}" if namespace.startswith("mcp__") else f"{namespace}.{name}"


def _definitions(given: Any) -> Iterator[tuple[str, Any]]:
    tool = mapping(given)
    key = next((key for key in (*_DECLARATIONS, "tools") if items(tool.get(key))), "")
    if not key:
        yield _name(tool), given
        return
    space = text(tool.get("name"))
    for one in tool[key]:
        yield full_name(text(mapping(one).get("name")), space), one
    if rest := {name: value for name, value in tool.items() if name != key}:
        yield "" if space else _name(rest), rest


def _name(tool: Mapping[str, Any]) -> str:
    """A tool that the provider runs goes by its server or its kind, or by the one member it has."""
    inner = next((mapping(tool[key]) for key in _INNER if mapping(tool.get(key))), tool)
    names = (inner.get("name"), tool.get("server_label"), tool.get("type"), next(iter(tool), ""))
    return next((name for name in map(text, names) if name), "")
