"""selvawatch: monitoring of mining-driven forest loss, from satellite scenes to attributed alerts."""

__version__ = "0.1.0"
