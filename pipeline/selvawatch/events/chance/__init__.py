"""How likely provisional events are to be confirmed.

`chance_of_events.chances` gives each event its chance, by `calibrated.chance_rule.ChanceRule`.
"""
