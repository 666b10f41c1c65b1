"""Moments of explicit features, all samples at once: what moments by class and of reduced features are held against."""

from math import sqrt

from torch.nn.functional import one_hot

from engines.core.numerics.collapse_metrics import FeatureMoments, unit_scaled


def moments(H, labels, classes):
    """Moments of features `H [*, d, N]` with labels `[N]`; classes may differ in size, none may be empty.

    `Y = D sqrt(K/N)`, so that r = N. The global mean is subtracted first: then a common shift costs no digits.
    """
    share = one_hot(labels, classes).to(H.dtype)
    share = share / share.sum(0)
    centre = H.mean(-1, keepdim=True)
    H = H - centre
    M = H @ share
    D, unit_of = unit_scaled(H - M[..., labels])
    V = unit_of[..., 0] * (D.square().sum(-2) @ share).sqrt()
    return FeatureMoments(M + centre, unit_of * D * sqrt(classes / len(labels)), V)
