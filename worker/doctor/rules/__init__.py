"""The rules, by subject. Each is one function from the facts of a run to a finding, or to None.

Not here: the order of the rules and what follows from a finding, which are in `worker.doctor.diagnosis`. Thresholds
and their reasons are explained in docs/explanation/doctor.md.
"""
