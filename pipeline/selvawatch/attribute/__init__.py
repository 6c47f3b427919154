"""Whose ground: exact overlay with the register, accountings, legal context, description and rank of alerts.

`faces.faces_of` cuts the register, `touches.with_touches` finds what only touches, `overlay.attribute` lays
loss over it, `accountings.account` counts, `describe` and `rank` are for alerts, `loss.any_loss` and
`loss_products` take the loss of others, `rules`, `periods` and `accountings` the files of `aoi/`.
"""
