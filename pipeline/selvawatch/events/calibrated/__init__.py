"""Numbers that were fitted to simulated areas, and the formulas they stand in.

`chance_rule.ChanceRule` is the chance that a provisional event is confirmed,
`interval_rule.IntervalRule` how far confirmed hectares may be off.
"""
