"""Networks, data and potentials: functions of one flat vector of parameters."""
