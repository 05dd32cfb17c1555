"""The style sheet of the HTML form. All rules are below one class, so that it can be shown inside of another page."""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "ink": "#1c2330", "soft": "#5c6779", "line": "#d8dee8", "paper": "#ffffff", "wash": "#f5f7fa",
    "k": "#7a2f96", "s": "#1a6b45", "c": "#7a6a2b", "n": "#a0430f",
    "eager": "#b3261e", "split": "#c4501b", "speculate": "#8a6100", "unroll": "#8e3a9d", "roll": "#1b7340",
    "stage": "#1d5fb8", "host": "#5c6779",
}  # fmt: skip
DARK: Mapping[str, str] = {
    "ink": "#e4e8f0", "soft": "#9aa5b8", "line": "#353e4e", "paper": "#13161d", "wash": "#1b2029",
    "k": "#d39be8", "s": "#7fd0a4", "c": "#c9b878", "n": "#f0a97c",
    "eager": "#ff8a80", "split": "#ffab7a", "speculate": "#f0c35a", "unroll": "#dd9bea", "roll": "#6fd197",
    "stage": "#82b6ff", "host": "#9aa5b8",
}  # fmt: skip
RUNG_NAMES = ("eager", "split", "speculate", "unroll", "roll", "stage", "host")


def _variables(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


# What a notebook or a browser says of dark or light: the one by a media query, the other by attributes of its own.
SHEET = (
    f"""
.jx {{ {_variables(LIGHT)} color-scheme: light; }}
@media (prefers-color-scheme: dark) {{ .jx {{ {_variables(DARK)} color-scheme: dark; }} }}
[data-jp-theme-light=true] .jx, [data-theme=light] .jx, .vscode-light .jx {{ {_variables(LIGHT)} color-scheme: light; }}
[data-jp-theme-light=false] .jx, [data-theme=dark] .jx, .vscode-dark .jx {{ {_variables(DARK)} color-scheme: dark; }}
"""
    + """
.jx { color: var(--ink); background: var(--paper); font: 15px/1.5 system-ui, sans-serif; padding: 1rem 1.25rem;
  border-radius: 8px; text-align: left; }
.jx *, .jx *::before { box-sizing: border-box; }
.jx h1 { font-size: 1.5rem; margin: 0; line-height: 1.25; overflow-wrap: anywhere; }
.jx h2 { font-size: 1.1rem; margin: 1.75rem 0 .5rem; }
.jx h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; font-weight: 600; overflow-wrap: anywhere; }
.jx p { margin: .25rem 0; max-width: 75ch; }
.jx code, .jx pre { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 13px; color: inherit;
  background: none; }
.jx .soft { color: var(--soft); font-weight: 400; }
.jx .tiles { display: flex; flex-wrap: wrap; gap: .5rem; margin: .75rem 0 0; padding: 0; }
.jx .tiles div { border: 1px solid var(--line); border-radius: 6px; padding: .3rem .7rem; }
.jx .tiles b { font-size: 1.05rem; font-variant-numeric: tabular-nums; margin-right: .35rem; }
.jx .slow { margin: .5rem 0; padding: 0; list-style: none; }
.jx .slow li { border-left: 4px solid var(--tone, var(--speculate)); background: var(--wash); padding: .35rem .75rem;
  margin: .3rem 0; }
.jx .scroll { overflow-x: auto; }
.jx table { border-collapse: collapse; margin: .25rem 0 .75rem; font-size: 14px; color: inherit; }
.jx tr { background: none; }
.jx th, .jx td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border: 0;
  border-bottom: 1px solid var(--line); color: inherit; max-width: 60ch; }
.jx th { color: var(--soft); font-weight: 600; white-space: nowrap; }
.jx td.no { font-variant-numeric: tabular-nums; text-align: right; color: var(--soft); }
.jx .chip { --tone: var(--host); display: inline-block; border: 1px solid var(--tone); color: var(--tone);
  border-radius: 4px; padding: 0 .45em; font: 600 12px/1.5 system-ui, sans-serif; white-space: nowrap; }
.jx .failed { color: var(--eager); }
.jx .sides { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: .75rem; align-items: start; }
@media (max-width: 850px) { .jx .sides { grid-template-columns: minmax(0, 1fr); } }
.jx .sides h4 { margin: 0 0 .25rem; font-size: .85rem; color: var(--soft); font-weight: 600; }
.jx pre.code { margin: 0; padding: .5rem 0; overflow: auto; max-height: 42rem; background: var(--wash);
  border: 1px solid var(--line); border-radius: 6px; line-height: 1.5; color: inherit; }
.jx pre.code > span { display: block; width: max-content; min-width: 100%; padding-right: 1rem;
  border-left: 4px solid transparent; }
.jx pre.code > span.at { border-color: var(--tone); background: color-mix(in srgb, var(--tone) 13%, transparent); }
.jx pre.code b { display: inline-block; width: 3.2em; padding-right: 1em; text-align: right; color: var(--soft);
  font-weight: 400; user-select: none; }
.jx pre.code .chip { margin-left: 1.2em; border: 0; padding: 0; user-select: none; }
.jx pre.code i { font-style: normal; }
.jx .k { color: var(--k); } .jx .s { color: var(--s); } .jx .c { color: var(--c); } .jx .n { color: var(--n); }
.jx details { border: 1px solid var(--line); border-radius: 6px; padding: .4rem .8rem; margin: .5rem 0; }
.jx details details { border: 0; padding: 0; }
.jx summary { cursor: pointer; }
.jx details[open] > summary { margin-bottom: .5rem; }
.jx dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem 1rem; margin: .25rem 0 .75rem; }
.jx dt { color: var(--soft); } .jx dd { margin: 0; overflow-wrap: anywhere; }
"""
    + "\n".join(f".jx .{name} {{ --tone: var(--{name}) !important; }}" for name in RUNG_NAMES)
)

PAGE = f"""
:root {{ color-scheme: light dark; }}
body {{ margin: 0; background: {LIGHT["paper"]}; }}
@media (prefers-color-scheme: dark) {{ body {{ background: {DARK["paper"]}; }} }}
body > .jx {{ max-width: 1500px; margin: 0 auto; padding: 2rem; border-radius: 0; }}
"""
