from itertools import combinations, pairwise

import pytest

from dashboard.server.theme import THEME
from dashboard.ui.palette import GREY, INK, QUALITATIVE, SHADES, qualitative, sequential

HUES = [qualitative(index) for index in range(len(QUALITATIVE) * len(SHADES))]
GROUNDS = {name: theme["palette"]["background"]["paper"] for name, theme in THEME.items()}


def luminance(color):
    """The relative luminance of WCAG 2.2."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    dark, light = sorted([luminance(first), luminance(second)])
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_of_contrast_has_its_known_values():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("ground", GROUNDS.values(), ids=GROUNDS)
def test_every_curve_stands_out_from_the_page(ground):
    for color in (*HUES, GREY, INK, *(sequential(place / 100) for place in range(101))):
        assert contrast(color, ground) >= 3, color


@pytest.mark.parametrize("ground", GROUNDS.values(), ids=GROUNDS)
def test_what_is_written_in_grey_can_be_read(ground):
    assert contrast(GREY, ground) >= 4, "no one grey reaches 4.5 on both grounds; 4.06 is the most"


def test_no_two_categories_look_the_same():
    for first, second in combinations(HUES, 2):
        assert sum(abs(int(first[at : at + 2], 16) - int(second[at : at + 2], 16)) for at in (1, 3, 5)) > 20


def test_the_sequential_map_gets_lighter_all_the_way():
    light = [luminance(sequential(place / 20)) for place in range(21)]
    assert all(low < high for low, high in pairwise(light))
