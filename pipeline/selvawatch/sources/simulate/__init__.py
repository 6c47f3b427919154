"""A simulated archive: scenes of three satellites over made-up ground, its truth, a register of rights."""

from selvawatch.sources.simulate.causes import Cause
from selvawatch.sources.simulate.plan import ChangePlan, SensorPlan, SimulationPlan, TerrainPlan, WeatherPlan
from selvawatch.sources.simulate.run import Simulated, simulate

__all__ = [
    "Cause",
    "ChangePlan",
    "SensorPlan",
    "Simulated",
    "SimulationPlan",
    "TerrainPlan",
    "WeatherPlan",
    "simulate",
]
