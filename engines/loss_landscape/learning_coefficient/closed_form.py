"""Learning coefficients in closed form: lambda, and the multiplicity m of the pole.

`V(eps) ~ eps^lambda (-log eps)^(m-1)`: half the number of parameters that a loss level sees.
"""

from __future__ import annotations

from itertools import combinations
from math import log
from typing import NamedTuple

from engines.core.protocol.errors import ConfigError


class Coefficient(NamedTuple):
    """Of learning."""

    value: float
    """lambda."""
    multiplicity: int
    """m."""


def finite(one: Coefficient, b: float, gamma: float = 1.0) -> float:
    """`lambda(b) ~ lambda - (m - 1)/ln(b/gamma)` at a temperature b >> gamma.

    Raises `ConfigError` if b <= gamma.
    """
    if not b > gamma > 0:
        raise ConfigError(f"b = {b} and gamma = {gamma}; the rule of finite b needs b > gamma > 0")
    return one.value - (one.multiplicity - 1) / log(b / gamma)


def normal_crossing(k: tuple[int, ...], h: tuple[int, ...] | None = None) -> Coefficient:
    """`min_i (h_i + 1)/(2 k_i)` of `prod w_i^(2 k_i)` under a prior `prod |w_i|^(h_i)`; m the number of minima.

    Raises `ConfigError` unless some k_i is positive.
    """
    powers = h or (0,) * len(k)
    ratios = [(one + 1) / (2 * power) for power, one in zip(k, powers, strict=True) if power > 0]
    if not ratios:
        raise ConfigError(f"the exponents k of a normal crossing are {k}; one at least must be positive")
    least = min(ratios)
    return Coefficient(least, ratios.count(least))


def crossing_planes(n1: int, n2: int) -> Coefficient:
    """`|u|^2 |v|^2`: `min(n1, n2)/2`, m = 2 if they are equal."""
    return Coefficient(min(n1, n2) / 2, 1 + (n1 == n2))


def reduced_rank(inputs: int, hidden: int, outputs: int, rank: int) -> Coefficient:
    """`y = B A x`, A `[H, M]`, B `[N, H]`, true rank r, at its most degenerate true parameter.

    Attributed to Aoyagi, Watanabe 2005; confirmed by sampling and by `deep_linear`, not against the paper's text.
    Raises `ConfigError` unless 0 <= r <= min(M, H, N).
    """
    M, H, N, r = inputs, hidden, outputs, rank
    if not 0 <= r <= min(M, H, N):
        raise ConfigError(f"the true rank is {r}; it may be 0 to the smallest width {min(M, H, N)}")
    if M + H < N + r:
        return Coefficient((H * M - H * r + N * r) / 2, 1)
    if N + H < M + r:
        return Coefficient((H * N - H * r + M * r) / 2, 1)
    if M + N < H + r:
        return Coefficient(M * N / 2, 1)
    s = (M + H + N + r) % 2
    return Coefficient((-((H + r) ** 2) - M**2 - N**2 + 2 * (H + r) * (M + N) + 2 * M * N + s) / 8, 1 + s)


def decisive(D: tuple[int, ...]) -> list[tuple[int, ...]]:
    """All sets Q of two or more layers with `l max_Q D <= sum_Q D < l min_rest D`, `l = |Q| - 1`.

    Hence `max_Q D < min_rest D`; the condition on an empty rest holds. There is exactly one (tested, not proved). By
    trying all.
    """
    layers = range(len(D))
    return [Q for size in range(2, len(D) + 1) for Q in combinations(layers, size) if _holds(D, Q)]


def _holds(D: tuple[int, ...], Q: tuple[int, ...]) -> bool:
    inside = [D[i] for i in Q]
    rest = [D[i] for i in range(len(D)) if i not in Q]
    span, total = len(Q) - 1, sum(inside)
    return total >= span * max(inside) and (not rest or total < span * min(rest))


def deep_linear(widths: tuple[int, ...], rank: int) -> Coefficient:
    """`W^{L-1} .. W^0` of widths H_0 .. H_L and true rank r, at its most degenerate true parameter.

    With `D = H - r`, the decisive set Q, `l = |Q| - 1`, `T = sum_Q D`, `c = ceil(T/l)`, `a = T - (c - 1) l`:
    `lambda = (r (H_0 + H_L) - r^2)/2 + a (l - a)/(4 l) - l (l - 1)/4 (T/l)^2 + 1/2 sum_{i<j in Q} D_i D_j`,
    `m = a (l - a) + 1`. At other true parameters lambda may be larger. Attributed to Aoyagi 2024; confirmed by
    sampling, not against the paper's text. Raises `ConfigError` for fewer than two layers, and unless 0 <= r <= min H.
    """
    if len(widths) < 3 or not 0 <= rank <= min(widths):
        raise ConfigError(f"widths {widths}, rank {rank}: three widths or more, and a rank of 0 to the smallest")
    (Q,) = decisive(tuple(width - rank for width in widths))
    D = [widths[i] - rank for i in Q]
    span, total = len(D) - 1, sum(D)
    a = total - (-(-total // span) - 1) * span
    known = (rank * (widths[0] + widths[-1]) - rank**2) / 2
    pairs = sum(one * other for one, other in combinations(D, 2)) / 2
    value = known + a * (span - a) / (4 * span) - (span - 1) / (4 * span) * total**2 + pairs
    return Coefficient(value, a * (span - a) + 1)
