"""Networks, their data, and losses in closed form: functions of one flat vector of parameters."""
