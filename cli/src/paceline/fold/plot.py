"""The cost of an event as a picture: one small chart for each thing that grows, in plain SVG."""

from collections.abc import Sequence

from paceline.fold.cost import Line

WIDTH, HEIGHT = 260, 200
LEFT, RIGHT, TOP, BOTTOM, PAD = 44, 6, 34, 34, 26
INK, MUTED, BLUE = "#1f2328", "#59636e", "#0b66c3"


def svg(lines: Sequence[Line], title: str) -> str:
    """Return the picture. Sizes stand at equal distances, costs begin at 0 and share one scale."""
    top = max(point.cost for line in lines for point in line.points) * 1.15
    charts = [_chart(line, top, place * WIDTH) for place, line in enumerate(lines)]
    width, height = WIDTH * len(lines), HEIGHT + 30
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'font-family="sans-serif" font-size="11" role="img">',
            f"<title>{title}</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            _text(LEFT, 16, title, INK, size=13, anchor="start"),
            '<g transform="translate(0 24)">',
            *charts,
            "</g>",
            "</svg>",
            "",
        ]
    )


def _chart(line: Line, top: float, left: int) -> str:
    inner = WIDTH - LEFT - RIGHT - 2 * PAD
    step = inner / max(1, len(line.points) - 1)
    places = [
        (LEFT + PAD + number * step, HEIGHT - BOTTOM - point.cost / top * (HEIGHT - TOP - BOTTOM))
        for number, point in enumerate(line.points)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    base = HEIGHT - BOTTOM
    drawn = [
        f'<g transform="translate({left} 0)">',
        _text(LEFT, TOP - 16, line.name, INK, anchor="start", size=12),
        f'<path d="M{LEFT} {TOP}V{base}H{WIDTH - RIGHT}" fill="none" stroke="{MUTED}"/>',
        _text(LEFT - 6, base + 4, "0", MUTED, anchor="end"),
        _text(LEFT - 6, TOP + 8, f"{top:.2g} µs", MUTED, anchor="end"),
        f'<polyline points="{path}" fill="none" stroke="{BLUE}" stroke-width="2"/>',
    ]
    for (x, y), point in zip(places, line.points, strict=True):
        drawn += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{BLUE}"/>',
            _text(x, y - 8, f"{point.cost:.2f}", INK),
            _text(x, base + 16, f"{point.size:,}", MUTED),
        ]
    return "\n".join([*drawn, "</g>"])


def _text(
    x: float, y: float, text: str, colour: str, *, size: int = 11, anchor: str = "middle"
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}">{text}</text>'
