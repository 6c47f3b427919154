"""A simulated archive: scenes of three satellites over made-up ground, its truth, a register of rights.

Public: what stands in `__all__`, and for whoever makes a part of it alone `terrain.landscape` (Landscape,
build_landscape, reflectance), `terrain.causes` (Cause), `sky.optical` (observe, sentinel2_assets),
`archive.all_scenes` (Studio), `archive.truth` (truth_of), `simulation_plan` (SimulationPlan), `noise`
(generator), `spectra` (BANDS).
"""

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
