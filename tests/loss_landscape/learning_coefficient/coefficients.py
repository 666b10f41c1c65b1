"""Learning coefficients from the literature: of reduced-rank regression and of normal crossings."""

from __future__ import annotations

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.learning_coefficient.closed_form import LearningCoefficient


def reduced_rank(inputs: int, hidden: int, outputs: int, rank: int) -> LearningCoefficient:
    """Coefficient of `y = B A x`, A `[H, M]`, B `[N, H]`, true rank r, at its most degenerate true parameter.

    Attributed to Aoyagi, Watanabe 2005; confirmed by sampling and by `deep_linear`, not against the paper's text.
    Raises `ConfigError` unless 0 <= r <= min(M, H, N).
    """
    M, H, N, r = inputs, hidden, outputs, rank
    if not 0 <= r <= min(M, H, N):
        raise ConfigError(f"the true rank is {r}; it may be 0 to the smallest width {min(M, H, N)}")
    if M + H < N + r:
        return LearningCoefficient((H * M - H * r + N * r) / 2, 1)
    if N + H < M + r:
        return LearningCoefficient((H * N - H * r + M * r) / 2, 1)
    if M + N < H + r:
        return LearningCoefficient(M * N / 2, 1)
    s = (M + H + N + r) % 2
    return LearningCoefficient((-((H + r) ** 2) - M**2 - N**2 + 2 * (H + r) * (M + N) + 2 * M * N + s) / 8, 1 + s)


def normal_crossing(k: tuple[int, ...], h: tuple[int, ...] | None = None) -> LearningCoefficient:
    """Coefficient `min_i (h_i + 1)/(2 k_i)` of `prod w_i^(2 k_i)` under a prior `prod |w_i|^(h_i)`.

    m is the number of minima. Watanabe 2009. Raises `ConfigError` unless some k_i is positive.
    """
    powers = h or (0,) * len(k)
    ratios = [(one + 1) / (2 * power) for power, one in zip(k, powers, strict=True) if power > 0]
    if not ratios:
        raise ConfigError(f"the exponents k of a normal crossing are {k}; one at least must be positive")
    least = min(ratios)
    return LearningCoefficient(least, ratios.count(least))
