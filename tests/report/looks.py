# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How the pages look: valid HTML, nothing on the console, nothing fetched or run, contrast, width; with photographs."""
import subprocess
import time

import browser

# (suffix, width in CSS pixels, dark)
VIEWS = [("light", 1000, False), ("dark", 1000, True), ("phone", 360, False)]
# Photographed in all views and printed; the others in light alone.
WHOLE = ("rule-101", "rule-107", "week", "hostile")
# WCAG 2.1, 1.4.3 for text; counted over what is painted behind it.
CONTRAST = 4.5

# Texts with less contrast than that, as "ratio: text". Colours behind are those of the nearest painted ancestor; for
# text of a drawing within one of its shapes that is the shape's.
MEASURE = """(() => {
  const rgba = c => (c.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = c => { const f = rgba(c).slice(0, 3).map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const behind = e => { for (; e; e = e.parentElement) { const b = getComputedStyle(e).backgroundColor;
    const a = rgba(b); if (a.length < 4 || a[3] > 0.5) return b; } return 'rgb(255, 255, 255)'; };
  const low = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); let n, seen = 0;
  while ((n = walk.nextNode())) {
    const e = n.parentElement; if (!n.textContent.trim() || ['STYLE', 'TITLE', 'title'].includes(e.tagName)) continue;
    const svg = e.ownerSVGElement, own = getComputedStyle(e), front = svg ? own.fill : own.color;
    let back = behind(e);
    if (svg && e.classList.contains('mark')) back = getComputedStyle(svg.querySelector('circle')).fill;
    const a = light(front), b = light(back), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); seen++;
    if (ratio < %s) low.push(ratio.toFixed(2) + ': ' + n.textContent.slice(0, 40)); }
  return [seen, low.slice(0, 10)]; })()""" % CONTRAST
# How much wider the page is than its window; texts of drawings that leave their drawing sideways.
WIDTH = """(() => { const out = [];
  for (const t of document.querySelectorAll('svg text')) { const b = t.getBoundingClientRect(), s = t.ownerSVGElement.getBoundingClientRect();
    if (b.left < s.left - 1 || b.right > s.right + 1) out.push(t.textContent.slice(0, 40)); }
  return [document.documentElement.scrollWidth - innerWidth, out.slice(0, 10)]; })()"""
# What is there only if something was let in.
FOREIGN = "document.querySelectorAll('script, img, iframe, object, embed, form, input, button, link, base').length"


def valid(tap, maker, names, tidy):
    bad = []
    for name in names:
        done = subprocess.run([tidy, "-errors", "-quiet", "-utf8", maker.path(name)], capture_output=True, text=True, timeout=60,
                              check=False)
        bad += [f"{name}: {line}" for line in done.stderr.splitlines()]
    tap.none(f"report: {len(names)} pages are valid HTML, without a warning", bad)


def look(one, maker, name, width, dark):
    """What is wrong in this view."""
    one.open(maker.path(name), width, dark)
    seen, low = one.run(MEASURE)
    wider, outside = one.run(WIDTH)
    bad = one.complaints + [f"contrast {text}" for text in low] + [f"{wider} pixels too wide"] * (wider > 0)
    bad += [f"outside of its drawing: {text}" for text in outside] + ["no text"] * (seen < 6)
    bad += [f"asked for {url}" for url in one.requests if not url.startswith("file://" + maker.path(name))]
    return bad + ["a foreign element"] * bool(one.run(FOREIGN)) + [f"ran: {text}" for text in one.dialogs]


def views(tap, one, maker, names):
    for suffix, width, dark in VIEWS:
        bad = []
        for name in names:
            bad += [f"{name}: {what}" for what in look(one, maker, name, width, dark)]
            if suffix == "light" or name in WHOLE:
                one.photograph(maker.path(f"{name}-{suffix}", "png"))
            if suffix == "light" and name in WHOLE:
                one.print(maker.path(name, "pdf"))
        tap.none(f"report: {len(names)} pages in Chromium, {suffix}", bad)


def unguarded(tap, one, maker):
    """The page's policy would stop a script; without it none may be there either. That one would run is shown first."""
    with open(maker.path("guard"), "w", encoding="utf-8") as file:
        file.write("<!DOCTYPE html><title>t</title><p title='x'>" + "<script>alert(1)</script>")
    one.open(maker.path("guard"))
    runs = len(one.dialogs)
    text = maker.text("hostile").replace('http-equiv="Content-Security-Policy"', 'name="none"')
    with open(maker.path("guard"), "w", encoding="utf-8") as file:
        file.write(text)
    one.open(maker.path("guard"))
    one.run("document.querySelectorAll('*').length")
    bad = ["a script would not have run here"] * (runs != 1) + ["the policy is not there"] * (text == maker.text("hostile"))
    tap.none("report: hostile names are inert without the page's policy, too", bad + one.dialogs + one.complaints)


def opened(tap, maker, names, program):
    began = time.monotonic()
    try:
        with browser.browser(program) as one:
            views(tap, one, maker, names)
            unguarded(tap, one, maker)
    except browser.Broken as why:
        tap.ok("report: Chromium does what it is asked for", False, why)
    print(f"# report: {len(names)} pages in {len(VIEWS)} views and on paper in {time.monotonic() - began:.0f} s; "
          f"photographs in {maker.directory}", flush=True)
