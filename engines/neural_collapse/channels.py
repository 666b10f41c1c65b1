"""Channels that a run records. Every model returns all of them; where one has no value, the doc of the channel says it.

Ratios and angles of collapse have no value (NaN) where the class means, or the classifier, are zero or coincide.
"""

from __future__ import annotations

from engines.core.protocol.declarations import Channel

RIGID = "Exactly collapsed features give 0."

COLLAPSE = (
    Channel(
        name="nc1",
        label="NC1 by the pseudo-inverse",
        formula="(1/K) Tr(Σ_W Σ_B⁺)",
        doc="Spread within the classes against that between them, direction by direction: the weakest direction "
        "counts most. Convention: with 1/K; some codes leave it out. No value where the class means coincide.",
    ),
    Channel(
        name="nc1_trace",
        label="NC1 by the trace ratio",
        formula="Tr Σ_W / Tr Σ_B",
        doc="Spread within the classes against that between them, all directions together. Σ_W = DDᵀ/N, Σ_B = CCᵀ/K. "
        "Along the flow it provably falls. No value where the class means coincide.",
    ),
    Channel(
        name="nc1_ratio",
        label="NC1 against the start's",
        formula="NC1(H) / NC1(H₀)",
        doc="Pseudo-inverse convention. It may rise. No value where the start is collapsed.",
    ),
    Channel(
        name="nc1_trace_ratio",
        label="trace ratio against the start's",
        formula="(Tr Σ_W/Tr Σ_B)(H) / (Tr Σ_W/Tr Σ_B)(H₀)",
        doc="Along the flow it never rises. No value where the start is collapsed.",
    ),
    Channel(
        name="fuzziness",
        label="separation fuzziness D",
        formula="Tr(Σ_W Σ_B⁺) = K · NC1",
        doc="The convention of He and Su: NC1 without 1/K, for balanced classes.",
    ),
    Channel(
        name="cdnv",
        label="CDNV",
        formula="mean over i ≠ j of (Vᵢ + Vⱼ) / 2‖mᵢ − mⱼ‖²",
        doc="Class-distance normalised variance: spread of two classes against the distance of their means.",
    ),
    Channel(
        name="nc2_etf",
        label="NC2 of the simplex",
        formula="‖CᵀC/‖CᵀC‖ − (I − 11ᵀ/K)/√(K−1)‖",
        doc=f"Distance of the centred means to a simplex. Both frames give 0: {RIGID}",
    ),
    Channel(
        name="nc2_of",
        label="NC2 of the orthogonal frame",
        formula="‖MᵀM/‖MᵀM‖ − I/√K‖",
        doc="Distance of the means, not centred, to an orthogonal frame. A simplex gives √(2 − 2√((K−1)/K)).",
    ),
    Channel(
        name="equinorm",
        label="unequal norms of the means",
        formula="std ‖cₖ‖ / mean ‖cₖ‖",
        doc="Spread of the norms of the centred class means. 0 for both frames.",
    ),
    Channel(
        name="equinorm_classifier",
        label="unequal norms of the classifier",
        formula="std ‖wₖ‖ / mean ‖wₖ‖",
        doc="Spread of the norms of the rows of W. 0 for both frames.",
    ),
    Channel(
        name="equiangle",
        label="unequal angles",
        formula="std over i ≠ j of cos(cᵢ, cⱼ)",
        doc="Spread of the cosines between centred class means. 0 for both frames.",
    ),
    Channel(
        name="max_angle",
        label="angles off their largest",
        formula="mean over i ≠ j of |cos(cᵢ, cⱼ) + 1/(K−1)|",
        doc="Cosines between centred class means beside those of a simplex, the furthest apart that can be. 0 for both "
        "frames.",
    ),
    Channel(
        name="nc3",
        label="NC3 centred and squared",
        formula="‖Wᵀ/‖W‖ − C/‖C‖‖²",
        doc="Classifier against centred means, as in the code of Papyan et al. An orthogonal frame gives "
        "2 − 2√((K−1)/K), not 0.",
    ),
    Channel(
        name="nc3_uncentred",
        label="NC3 not centred",
        formula="‖Wᵀ/‖W‖ − M/‖M‖‖",
        doc="Classifier against the means as they are. 0 for both frames.",
    ),
    Channel(
        name="nc3_product",
        label="NC3 by the product",
        formula="‖WC/‖WC‖ − (I − 11ᵀ/K)/√(K−1)‖",
        doc="The convention of Zhu et al. 0 for both frames.",
    ),
    Channel(
        name="nc4",
        label="NC4",
        formula="share with argmaxₖ (wₖᵀh + bₖ) ≠ argminₖ ‖h − mₖ‖",
        doc="Samples that the classifier does not give to the class of the nearest mean; of those that are drawn.",
        log=False,
    ),
)

SIZES = (
    Channel(
        name="trace_within",
        label="spread within classes",
        formula="Tr Σ_W",
        doc="Mean squared distance of a sample to its class mean.",
    ),
    Channel(
        name="trace_between",
        label="spread between classes",
        formula="Tr Σ_B",
        doc="Mean squared distance of a class mean to the global mean.",
    ),
    Channel(
        name="trace_within_scaled",
        label="scaled spread within classes",
        formula="e^{2λ_H t} Tr Σ_W",
        doc="Along the flow it never rises. Of layers: (1 + λ_H/β)² for each layer instead of the exponential. "
        "Of a network: not scaled.",
    ),
    Channel(
        name="trace_between_scaled",
        label="scaled spread between classes",
        formula="e^{2λ_H t} Tr Σ_B",
        doc="Along the flow it never falls. Of layers: (1 + λ_H/β)² for each layer instead of the exponential. "
        "Of a network: not scaled.",
    ),
    Channel(
        name="feature_norm",
        label="size of the features",
        formula="‖H‖/√N",
        doc="At an orthogonal frame √ρ, at a simplex √(ρ(K−1)/K).",
    ),
    Channel(
        name="classifier_norm",
        label="size of the classifier",
        formula="‖W‖/√K",
        doc="√(λ_H/λ_W) times the size of the features, once they are collapsed.",
    ),
    Channel(
        name="loss",
        label="loss",
        formula="‖WH−Y‖²/2Kn + λ_W‖W‖²/2K + λ_H‖H‖²/2Kn",
        doc="Loss with the best classifier, and without what holds on to the input. Of a network: the mean of what it "
        "minimises over its training samples, without weight decay.",
    ),
    Channel(
        name="objective",
        label="objective",
        formula="loss + β‖H−H₀‖²/2Kn",
        doc="What a proximal layer minimises, H₀ being its input. Of the flow: the loss. Of a network: its loss with "
        "weight decay.",
    ),
    Channel(
        name="loss_within",
        label="loss by the spread within classes",
        formula="‖WD‖²/2Kn",
        doc="The part of the squared error that collapse removes. Of a network: with its own classifier.",
    ),
    Channel(
        name="loss_between",
        label="loss by the class means",
        formula="‖WM−I‖²/2K",
        doc="The part of the squared error that the means make, centred where there is a bias. Of a network: with its "
        "own classifier and bias.",
    ),
    Channel(
        name="accuracy",
        label="accuracy",
        formula="share with argmaxₖ (wₖᵀh + bₖ) = class",
        doc="Share of the samples that are drawn; of a network: of its training samples.",
        log=False,
    ),
    Channel(
        name="accuracy_test",
        label="accuracy on the test",
        formula="share with argmaxₖ (wₖᵀh + bₖ) = class",
        doc="Share of the samples that a network is not trained on. Other models have none: the same as accuracy.",
        log=False,
    ),
    Channel(
        name="residual",
        label="residual of the solver",
        formula="‖W*(H(W)) − W‖ / ‖W‖",
        doc="How far a proximal layer is from solved. Of the flow: the speed ‖dM/dt‖/‖M‖. Of a network: 0.",
    ),
    Channel(
        name="response_error",
        label="error of the first-order response",
        formula="‖dH − F dH₀‖ / ‖F dH₀‖",
        doc="dH = H − H* of a start near collapse, against the exact linear map. No value for other starts.",
    ),
)

VECTORS = (
    Channel(
        name="survival",
        label="what is left of a perturbation",
        formula="‖dH in one direction‖ / ‖dH₀ in it‖",
        doc="1 within the classes, in the span of the frame. 2 within the classes, out of it. 3 means: scale and shape "
        "of the frame. 4 means: rotation in the span. 5 means: rotation out of it. 6 global mean (with a bias). "
        "Of starts near collapse.",
        dims=("direction",),
        log=False,
    ),
    Channel(
        name="survival_theory",
        label="predicted",
        formula="β/(β+a), β/(β+λ_H), β/(β+4λ_H(1−c)), 1, 1, β/(β+λ_H)",
        doc="The exact first-order factors, in the same order; of the flow e^{−at}, e^{−λ_H t}, e^{−4λ_H(1−c)t}, 1, 1, "
        "e^{−λ_H t}. Rotations survive.",
        dims=("direction",),
        log=False,
    ),
    Channel(
        name="layer_nc1",
        label="NC1 of each layer",
        formula="(1/K) Tr(Σ_W Σ_B⁺)",
        doc="Layers of a network: its input, then each hidden one. Other models have one layer.",
        dims=("layer",),
    ),
    Channel(
        name="layer_nc1_trace",
        label="trace ratio of each layer",
        formula="Tr Σ_W / Tr Σ_B",
        doc="Layers of a network: its input, then each hidden one. Other models have one layer.",
        dims=("layer",),
    ),
    Channel(
        name="layer_accuracy",
        label="accuracy of the nearest mean in each layer",
        formula="share with argminₖ ‖h − mₖ‖ = class",
        doc="Layers of a network: its input, then each hidden one. Other models have one layer.",
        dims=("layer",),
        log=False,
    ),
)

PICTURES = (
    Channel(
        name="point_x",
        label="across",
        formula="(√2/√K) Σₖ cos(2πk/K) rₖᵀh",
        doc="Samples in the frame that is nearest to their class means, seen so that the classes lie on a circle.",
        dims=("point",),
        thin=True,
        log=False,
    ),
    Channel(
        name="point_y",
        label="up",
        formula="(√2/√K) Σₖ sin(2πk/K) rₖᵀh",
        doc="The second direction of the same view.",
        dims=("point",),
        thin=True,
        log=False,
    ),
    Channel(
        name="point_z",
        label="along the diagonal",
        formula="(1/√K) Σₖ rₖᵀh",
        doc="The direction in which the first view looks: one height for an orthogonal frame, 0 for a simplex.",
        dims=("point",),
        thin=True,
        log=False,
    ),
    Channel(
        name="point_class",
        label="class",
        doc="Class of each point, the tenth standing for all later ones; the last points draw the frame.",
        dims=("point",),
        thin=True,
        log=False,
    ),
    Channel(
        name="cosines",
        label="means now",
        formula="cos(cᵢ, cⱼ)",
        doc="Angles between the centred class means.",
        dims=("class", "other class"),
        thin=True,
        log=False,
    ),
    Channel(
        name="cosines_frame",
        label="simplex",
        formula="(K I − 11ᵀ)/(K−1)",
        doc="The angles of a simplex, which are the largest that K means can have.",
        dims=("class", "other class"),
        thin=True,
        log=False,
    ),
)

CHANNELS = (*COLLAPSE, *SIZES, *VECTORS, *PICTURES)
