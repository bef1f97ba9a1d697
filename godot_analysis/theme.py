"""The colours of every picture: Okabe and Ito's palette, in a light and a dark theme."""

from __future__ import annotations

from typing import Final

__all__ = ["LEVEL_COLOURS", "css_variables", "fragment"]

# Okabe and Ito, "Color Universal Design" (2008): told apart with any common colour blindness.
_BLUE: Final = "#0072B2"
_SKY: Final = "#56B4E9"
_GREEN: Final = "#009E73"
_ORANGE: Final = "#E69F00"
_VERMILION: Final = "#D55E00"
_PURPLE: Final = "#CC79A7"

LEVEL_COLOURS: Final = {
    "TRACE": "#999999",
    "DEBUG": _SKY,
    "INFO": _BLUE,
    "WARN": _ORANGE,
    "ERROR": _VERMILION,
}
"""One colour for each log level, for figures on a light or a dark ground."""

# Text needs 4.5:1 against its ground (WCAG AA), which the pure palette does not always have: on white
# green, orange and purple are darkened, on black blue and vermilion lightened, the hue kept.
_LIGHT: Final = {
    "ground": "#ffffff",
    "panel": "#f5f6f8",
    "ink": "#1f2328",
    "quiet": "#5f6772",
    "line": "#c9ced6",
    "request": "#0067a3",
    "response": "#00765a",
    "error": "#b84a00",
    "notification": "#9c4f7b",
    "warn": "#8f6100",
    "mark": "#fff1cc",
    "alarm": "#fde7dc",
    "chosen": "#dcecf8",
}
_DARK: Final = {
    "ground": "#14171c",
    "panel": "#1e232b",
    "ink": "#e3e7ed",
    "quiet": "#9aa4b2",
    "line": "#3d4552",
    "request": _SKY,
    "response": "#2fc79b",
    "error": "#ff8b4d",
    "notification": "#dd9cc0",
    "warn": _ORANGE,
    "mark": "#3b3117",
    "alarm": "#43271a",
    "chosen": "#1d3d55",
}
# What the page around the picture already says about its theme wins over the picture's own choice.
_HOST: Final = {
    "ground": ("--jp-layout-color0", "--vscode-editor-background"),
    "panel": ("--jp-layout-color1", "--vscode-sideBar-background"),
    "ink": ("--jp-content-font-color1", "--vscode-editor-foreground"),
    "quiet": ("--jp-content-font-color2", "--vscode-descriptionForeground"),
    "line": ("--jp-border-color1", "--vscode-panel-border"),
}
_DARK_HOSTS: Final = ('[data-jp-theme-light="false"]', ".vscode-dark", ".vscode-high-contrast")
_LIGHT_HOSTS: Final = ('[data-jp-theme-light="true"]', ".vscode-light", ".vscode-high-contrast-light")


def css_variables(selector: str) -> str:
    """The style rules that give `selector` its `--godot-*` colours in both themes.

    The theme is the notebook's (JupyterLab, VS Code) where there is one, else the reader's system setting.

    >>> "--godot-error" in css_variables(".picture")
    True
    """
    dark_hosts = ", ".join(f"{host} {selector}" for host in _DARK_HOSTS)
    light_hosts = ", ".join(f"{host} {selector}" for host in _LIGHT_HOSTS)
    return "\n".join(
        [
            f"{selector} {{ color-scheme: light dark; {_declarations(_LIGHT)} }}",
            f"@media (prefers-color-scheme: dark) {{ {selector} {{ {_declarations(_DARK)} }} }}",
            f"{light_hosts} {{ color-scheme: light; {_declarations(_LIGHT)} }}",
            f"{dark_hosts} {{ color-scheme: dark; {_declarations(_DARK)} }}",
        ]
    )


def fragment(name: str, css: str, body: str) -> str:
    """An HTML fragment of this class with its own style; `&` in `css` is the fragment; `body` is to be safe.

    Notebooks style the tables and lists of their outputs by several classes. So `&` counts as much as an id
    does: what the fragment's own style says holds.

    >>> print(fragment("picture", "& td { text-align: left; }", "<p>…</p>").splitlines()[-1])
    .picture:not(#host) td { text-align: left; }</style><div class="picture"><p>…</p></div>
    """
    style = f"{css_variables(f'.{name}')}\n{css.replace('&', f'.{name}:not(#host)')}"
    return f'<style>{style}</style><div class="{name}">{body}</div>'


def _declarations(colours: dict[str, str]) -> str:
    return " ".join(f"--godot-{name}: {_with_host(name, colour)};" for name, colour in colours.items())


def _with_host(name: str, colour: str) -> str:
    for variable in reversed(_HOST.get(name, ())):
        colour = f"var({variable}, {colour})"
    return colour
