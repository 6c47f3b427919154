"""A simulated archive: scenes of three satellites over made-up ground, its truth, a register of rights."""

from selvawatch.simulate.simulated import Simulated, simulate
from selvawatch.simulate.simulation_plan import (
    ChangePlan,
    SensorPlan,
    SimulationPlan,
    TerrainPlan,
    WeatherPlan,
)
from selvawatch.simulate.terrain.causes import Cause

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
