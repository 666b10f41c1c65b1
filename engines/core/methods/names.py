"""Names of the methods, for knobs and for readers, and what some of them have in common."""

MATRIX = ("muon", "shampoo", "shampoo_ema", "soap", "scaled_gd")
"""Methods that treat a matrix as one."""

ENTRYWISE = ("sign", "lion", "rmsprop", "adam", "dadapt_adam", "prodigy", "schedule_free_adam")
"""Methods that see single entries, and so the basis."""

RATE_FREE = ("dog", "dowg", "dadapt_sgd", "dadapt_adam", "prodigy", "mechanic")
"""Methods that find their step size; `eta` multiplies it."""

UNDECAYED = ("dog", "dowg", "dadapt_sgd", "mechanic")
"""Methods without weight decay."""

METHODS = (
    "gd", "heavy_ball", "nesterov", "sign", "lion", "rmsprop", "adam", *MATRIX, "polyak", "dog", "dowg", "dadapt_sgd",
    "dadapt_adam", "prodigy", "schedule_free", "schedule_free_adam", "mechanic",
)  # fmt: skip

METHOD_LABELS = {
    "gd": "gradient descent", "heavy_ball": "heavy ball", "nesterov": "Nesterov's momentum", "sign": "sign descent",
    "lion": "Lion", "rmsprop": "RMSProp", "adam": "Adam", "muon": "Muon", "shampoo": "Shampoo",
    "shampoo_ema": "Shampoo with averages", "soap": "SOAP", "scaled_gd": "ScaledGD", "polyak": "Polyak's step",
    "dog": "DoG", "dowg": "DoWG", "dadapt_sgd": "D-Adaptation", "dadapt_adam": "D-Adaptation of Adam",
    "prodigy": "Prodigy", "schedule_free": "Schedule-Free", "schedule_free_adam": "Schedule-Free AdamW",
    "mechanic": "Mechanic", "own": "your method",
}  # fmt: skip
"""Names of the methods for readers."""

USUAL = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "damping": 0.1, "least_loss": 0.0, "d0": 1e-6,
         "growth_rate": 1e9}  # fmt: skip
"""Numbers that an update may read of each member beside its step size, and what they usually are."""

DECOMPOSING = ("shampoo", "shampoo_ema", "soap")
"""Methods that decompose matrices as large as the parameters'."""

LARGEST = 256
"""Rows or columns beyond which they are refused."""
