"""Charts made fit for a place inside a page."""

from __future__ import annotations

import re


def inline(svg: str, name: str) -> str:
    """Turn an SVG file of matplotlib's into an element that can stand beside others in one page.

    Ids get the chart's `name`, so that no two are equal; styles become attributes, which no content security policy
    keeps from being applied; declarations, metadata and a height that would not follow the width go.
    """
    svg = svg[svg.index("<svg ") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg [^>]*?) ?height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = re.sub(r' style="([^"]*)"', lambda match: _attributes(match[1]), svg)
    return svg.replace("<svg ", '<svg stroke-linejoin="round" stroke-linecap="butt" aria-hidden="true" ', 1).strip()


def _attributes(style: str) -> str:
    """Write declarations of CSS as attributes; the last of several for one property counts."""
    declarations = dict(part.split(":", 1) for part in style.split(";") if part.strip())
    return "".join(f' {name.strip()}="{value.strip()}"' for name, value in declarations.items())
