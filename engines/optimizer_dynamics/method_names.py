"""Names of the methods, for knobs and for readers, and what some of them have in common."""

MATRIX = ("muon", "shampoo", "shampoo_ema", "soap", "scaled_gd")
"""Methods that treat a matrix as one."""

ENTRYWISE = ("sign", "lion", "rmsprop", "adam", "dadapt_adam", "prodigy", "schedule_free_adam")
"""Methods that see single entries, and so the basis."""

RATE_FREE = ("dog", "dowg", "dadapt_sgd", "dadapt_adam", "prodigy", "mechanic")
"""Methods that find their step size; `eta` multiplies it."""

EXACT_RISK = ("gd", "heavy_ball", "nesterov", "schedule_free", "adam")
"""Methods whose expected risk on the quadratic is followed without sampling; Adam's approximately."""

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
