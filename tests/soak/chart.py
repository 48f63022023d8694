# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Time series as an SVG picture: one panel for each, one below the other, with a common time axis."""

WIDTH, HEIGHT, LEFT, TOP, GAP = 800, 110, 90, 40, 40


def nice(value):
    """The next of 1, 2, 5, 10, ... that is not below the value."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if factor * step >= value:
                return factor * step
        step *= 10


def panel(title, unit, times, values, top, duration):
    """The elements of one panel."""
    high = nice(max(max(values), 1))
    points = " ".join(f"{LEFT + WIDTH * at / duration:.1f},{top + HEIGHT * (1 - value / high):.1f}"
                      for at, value in zip(times, values))
    lines = "".join(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
                    f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{high * part:g}</text>'
                    for part in (0, 0.5, 1) for y in [top + HEIGHT * (1 - part)])
    return (f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{title}, {unit}</text>{lines}'
            f'<polyline points="{points}" fill="none" stroke="#1f5fa8" stroke-width="1.2"/>')


def draw(path, title, times, series):
    """series: [(title, unit, values)]"""
    duration = max(times[-1], 1)
    height = TOP + len(series) * (HEIGHT + GAP) + 20
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 30} {height}" '
             'font-family="sans-serif" font-size="12" role="img">'
             f'<title>{title}</title><rect width="100%" height="100%" fill="white"/>'
             f'<text x="{LEFT}" y="16" font-size="14">{title}</text>']
    for number, (name, unit, values) in enumerate(series):
        parts.append(panel(name, unit, times, values, TOP + 10 + number * (HEIGHT + GAP), duration))
    step = nice(duration / 60 / 12)
    for minute in range(0, int(duration / 60) + 1, step):
        parts.append(f'<text x="{LEFT + WIDTH * minute * 60 / duration:.1f}" y="{height - 14}" text-anchor="middle">'
                     f'{minute} min</text>')
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join([*parts, "</svg>"]) + "\n")
