"""What all widgets share: strict constructors, a static fallback for readers without a kernel, saving."""

from __future__ import annotations

import difflib
from html import escape
from pathlib import Path
from typing import Any, Final

import anywidget

from godot_analysis.presentation import svg

__all__ = ["Widget"]


class Widget(anywidget.AnyWidget):  # type: ignore[misc]  # it publishes no types
    """A widget that can also be read without a kernel: as HTML, as SVG, and as text."""

    def __init__(self, **options: Any) -> None:
        known = [name for name, trait in self.traits(sync=True).items() if trait.metadata.get("option")]
        for name in options.keys() - set(known):
            raise TypeError(_unknown_option(type(self).__name__, name, known))
        super().__init__(**options)

    def to_svg(self) -> str:
        """The picture as one static `<svg>` element."""
        raise NotImplementedError

    def to_html(self) -> str:
        """A page of its own, without scripts and without anything to fetch."""
        raise NotImplementedError

    def to_text(self) -> str:
        """The picture for a terminal."""
        raise NotImplementedError

    def save(self, path: str | Path) -> Path:
        """Write the static picture to `path`: `.svg`, `.html` or `.txt`, by its ending.

        Raises
        ------
        ValueError
            If the ending is another one.
        """
        path = Path(path)
        writers = {".svg": self.to_svg, ".html": self.to_html, ".txt": self.to_text}
        if path.suffix not in writers:
            raise ValueError(f"cannot save as {path.name!r}: the name must end in {', '.join(writers)}")
        path.write_text(writers[path.suffix](), encoding="utf-8")
        return path

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        # A notebook with a kernel prefers the live view; nbviewer and saved pages show what stands beside it.
        return {**data, "text/html": self.to_svg(), "text/plain": self.to_text()}, metadata


_PAGE_STYLE: Final = """
body { margin: 0 auto; padding: 16px; max-width: 1400px; line-height: 1.45; }
details { border-top: 1px solid var(--godot-line); padding: 4px 0; }
summary { cursor: pointer; unicode-bidi: isolate; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 12px; margin: 8px 0 8px 16px; }
dt { color: var(--godot-quiet); } dd { margin: 0; }
pre { margin: 8px 0 8px 16px; padding: 8px; overflow-x: auto; background: var(--godot-panel); }
"""


def page(title: str, body: str) -> str:
    """A whole HTML page around `body`, which must be safe already; `title` is escaped here."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n'
        f"<style>\n{svg.style()}{_PAGE_STYLE}</style>\n</head>\n"
        f'<body class="godot-sequence">\n{body}\n</body>\n</html>\n'
    )


def _unknown_option(widget: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(sorted(known))}"
    return f"{widget}() has no option {name!r}: {hint}"
