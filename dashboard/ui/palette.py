"""Colours with one meaning each: hues of members, other ones of classes and of stored runs, grey for what is no data.

All of them stand out by 3:1 or more from the ground of both themes (WCAG 2.2, 1.4.11).
"""

from __future__ import annotations

from collections.abc import Sequence

QUALITATIVE = ("#0b72b5", "#d55e00", "#009e73", "#c667a4", "#b98000", "#3c9ccc", "#7a5bb5")
"""Okabe and Ito's colours, adjusted so that each is readable on white and on near black."""

GREY = "#777e88"
"""The hue of the pinned run, and of theory whose assumptions are broken."""

INK = "#d0284f"
"""The hue of what the reader wrote on a figure: no data has it."""

SHADES = (("", 0.0), ("#707070", 0.6), ("#969696", 0.5))
"""Colour mixed into the hues at each turn through them, and its share in [0, 1]; none in the first."""

MOST_HUES = 2 * len(QUALITATIVE)
"""Hues of members that can be told apart."""

CLASSES = (
    "#8a6d3b", "#a3506b", "#5f7f3a", "#546fb0", "#8d5ba6", "#3d8080", "#b0604a", "#6d7278", "#9a8f2e", "#c4617a",
)  # fmt: skip
"""Colours of classes and kinds of points, which a shape goes with; none is that of a member."""

SHAPES = ("circle", "triangle", "square", "diamond", "inverted_triangle", "hex", "star", "plus", "cross", "asterisk")
"""Shapes of classes, as Bokeh calls its markers."""

STORED = ("#8f7a66", "#66808f", "#84708f", "#748a63", "#94706f", "#6f8c88", "#9a8c55", "#7c7c99")
"""Greyish colours of runs of the library that are drawn behind."""

SEQUENTIAL = (
    "#685ec0", "#406ec4", "#007ac0", "#0084b0", "#008c9c", "#009383", "#329769", "#569a50", "#749b3b", "#919b28",
)  # fmt: skip
"""Anchors of a map whose lightness rises evenly, as far as neither a dark nor a light page swallows it."""


def sequential(position: float) -> str:
    """Return the colour at a position in [0, 1].

    >>> sequential(0), sequential(1)
    ('#685ec0', '#919b28')
    """
    place = min(max(position, 0.0), 1.0) * (len(SEQUENTIAL) - 1)
    low = min(int(place), len(SEQUENTIAL) - 2)
    return _mix(SEQUENTIAL[low], SEQUENTIAL[low + 1], place - low)


def qualitative(index: int) -> str:
    """Return the colour of category `index`; after seven the hues come again, greyer and darker, then lighter."""
    turn, place = divmod(index, len(QUALITATIVE))
    shade, share = SHADES[turn % len(SHADES)]
    return _mix(QUALITATIVE[place], shade, share) if shade else QUALITATIVE[place]


def category(index: int) -> str:
    """Return the colour of class or kind `index`; after ten they come again, greyer."""
    turn, place = divmod(index, len(CLASSES))
    tone, share = SHADES[turn % len(SHADES)]
    return _mix(CLASSES[place], tone, share) if tone else CLASSES[place]


def shade(hue: str, position: float) -> str:
    """Return a hue dark at position 0 and light at 1, as far as both themes allow.

    >>> shade("#0b72b5", 0), shade("#0b72b5", 1)
    ('#0b70b2', '#6f94c3')
    """
    channels = [(int(hue[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)]
    target = DARKEST + (LIGHTEST - DARKEST) * min(max(position, 0.0), 1.0)
    now = sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), channels, strict=True))
    if now > target:
        channels = [one * target / now for one in channels]
    else:
        share = (target - now) / (1 - now)
        channels = [one + share * (1 - one) for one in channels]
    return "#" + "".join(f"{round(255 * one ** (1 / 2.2)):02x}" for one in channels)


def faded(color: str, position: float) -> str:
    """Return a colour as it is at position 0, and ever more transparent towards 1.

    >>> faded("#0b72b5", 0), faded("#0b72b5", 1)
    ('#0b72b5ff', '#0b72b566')
    """
    return f"{color}{round(255 - (255 - FAINTEST) * min(max(position, 0.0), 1.0)):02x}"


def scale(values: Sequence[float]) -> list[str]:
    """Give each value a sequential colour by rank: neighbours differ as much however close their values are."""
    order = {value: place for place, value in enumerate(sorted(set(values)))}
    last = max(len(order) - 1, 1)
    return [sequential(order[value] / last if len(order) > 1 else 0.3) for value in values]


def ramp(first: str, last: str, count: int) -> list[str]:
    """Blend `count` colours from one to another.

    >>> ramp("#000000", "#0000ff", 3)
    ['#000000', '#000080', '#0000ff']
    """
    return [_mix(first, last, place / (count - 1)) for place in range(count)]


FAINTEST = 0x66
"""Opacity of the last component of a vector, of 255."""

DARKEST, LIGHTEST = 0.15, 0.29
"""Relative luminances of the darkest and the lightest colour that stand out by 3:1 from both grounds."""


def _mix(first: str, second: str, share: float) -> str:
    pairs = [(int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)
