"""What a page must be in a browser: quiet, alone, legible in both colour schemes, as wide as its window, open to the keyboard."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from tests.browser import Tab

WIDTHS_PX = (360, 1440)
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, level AA
MOST_STOPS = 200
UNFOLD = "document.querySelectorAll('details').forEach(one => { one.open = true; })"

# The contrast of every text with what lies behind it: colours as the browser computes them, grounds from the innermost that is
# not transparent on. Relative luminance and contrast as WCAG 2.2 defines them.
CONTRASTS = """(() => {
  const rgba = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1]; };
  const light = ([r, g, b]) => { const f = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const ground = node => { for (; node; node = node.parentElement) {
      const colour = rgba(getComputedStyle(node).backgroundColor); if (colour[3] === 1) return colour; }
    return rgba(getComputedStyle(document.documentElement).colorScheme.includes('dark') &&
      matchMedia('(prefers-color-scheme: dark)').matches ? 'rgb(18, 18, 18)' : 'rgb(255, 255, 255)'); };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || ['STYLE', 'SCRIPT'].includes(node.tagName)) continue;
    const [a, b] = [light(rgba(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    found.push({text: walk.currentNode.textContent.trim().slice(0, 40), contrast: (a + 0.05) / (b + 0.05)});
  }
  return found; })()"""

# What a mouse can scroll sideways or fold, each known by its place among them.
MOVABLE = """(() => [...document.querySelectorAll('summary, *')].filter(node => node.checkVisibility()).filter(
  node => node.tagName === 'SUMMARY' || (node !== document.documentElement && node.scrollWidth > node.clientWidth + 1 &&
   ['auto', 'scroll'].includes(getComputedStyle(node).overflowX)))
  .map((node, place) => { node.dataset.movable = place;
    return node.getAttribute('aria-label') || node.textContent.trim(); }))()"""


def assert_reads_well(tab: Tab, url: str, *, widths_px: tuple[int, ...] = WIDTHS_PX, loads_from: str | None = None) -> None:
    """At each width, light and dark. loads_from: with what addresses begin that it may ask for beside its own."""
    for width_px in widths_px:
        for dark in (False, True):
            tab.open(url, width_px=width_px, dark=dark)
            assert tab.complaints == []
            asked = {one for one in tab.requests if not one.startswith("data:")} - {url}
            assert url in tab.requests and [one for one in asked if loads_from is None or not one.startswith(loads_from)] == []
            tab.page.evaluate(UNFOLD)
            width = tab.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
            assert width == [width_px, width_px], "the page itself scrolls sideways"
            texts: list[dict[str, Any]] = tab.page.evaluate(CONTRASTS)
            assert len(texts) > 20
            assert [one for one in texts if one["contrast"] < LEAST_CONTRAST] == [], f"dark: {dark}"


def assert_has_headers(tab: Tab, url: str) -> None:
    """Every table has a row of headers and a header in each row, every picture a text, and headings do not skip a level."""
    tab.open(url, width_px=1440)
    headless = "table => !table.querySelector('thead th[scope=col]') || table.querySelector('tbody tr > td:first-child')"
    value = tab.page.evaluate
    assert value(f"[...document.querySelectorAll('table')].filter({headless}).map(one => one.innerText)") == []
    assert value("document.querySelectorAll('table').length") > 0
    value("document.querySelectorAll('img').forEach(one => { one.loading = 'eager'; })")
    value("Promise.allSettled([...document.images].map(one => one.decode()))")
    assert value("[...document.images].filter(one => !one.alt || !one.naturalWidth).length") == 0
    depths = value("[...document.querySelectorAll('h1, h2, h3, h4')].map(one => Number(one.tagName[1]))")
    assert depths[0] == 1 and depths.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(depths))
    assert value("document.documentElement.lang") == "en" and value("document.title")


def assert_keyboard_reaches_what_moves(tab: Tab, url: str) -> None:
    """By the tab key alone each fold and each table that is wider than the window, and it is seen which one has the focus."""
    tab.open(url, width_px=360)
    value = tab.page.evaluate
    value(UNFOLD)
    movable = value(MOVABLE)
    assert movable, "nothing on this page can be scrolled or folded: the check would prove nothing"
    reached = set()
    for _ in range(MOST_STOPS):
        tab.page.keyboard.press("Tab")
        place = value("document.activeElement.dataset.movable ?? null")
        if place is not None:
            assert value("getComputedStyle(document.activeElement).outlineStyle") != "none", "focus is not seen"
            reached.add(int(place))
        if len(reached) == len(movable):
            break
    assert [name for place, name in enumerate(movable) if place not in reached] == []
    assert value("[...document.querySelectorAll('.scroll')].every(one => one.getAttribute('aria-label'))")
