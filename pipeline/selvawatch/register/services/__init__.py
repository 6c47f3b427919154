"""Services that publish layers: one module a kind, one table.

Public: `service` (Client, LayerRequest, Service), `kinds.SERVICES`.
"""
