"""How covers look: reflectance by band and backscatter by polarisation of all that lies on the ground."""

from enum import IntEnum

import numpy as np

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
"""Order of the band axis everywhere in the simulator."""


class Material(IntEnum):
    """Pure covers; rows of `REFLECTANCE` and `BACKSCATTER_DB`."""

    SAND = 0
    """Dry washed sand and gravel of a mine."""
    WET_SOIL = 1
    """Freshly turned, wet ground."""
    TURBID = 2
    """Water with much sediment: young ponds."""
    GREEN = 3
    """Pond water full of algae."""
    RIVER = 4
    BAR = 5
    """Dry river sand."""
    ROAD = 6
    GRASS = 7
    """Green pasture."""
    DRY_GRASS = 8
    CROP = 9
    SLASH = 10
    """Felled, drying vegetation."""
    CHAR = 11
    REGROWTH = 12
    """Young secondary vegetation."""
    GAP = 13
    """Storm gap: fallen wood over understorey."""


FOREST = np.array([0.026, 0.046, 0.026, 0.300, 0.150, 0.060], np.float32)
"""Closed forest (real medians of Sentinel-2 in the south-western Amazon)."""

REFLECTANCE = np.array(
    [
        [0.092, 0.132, 0.175, 0.255, 0.340, 0.270],
        [0.055, 0.080, 0.105, 0.170, 0.210, 0.150],
        [0.085, 0.125, 0.142, 0.085, 0.030, 0.018],
        [0.045, 0.085, 0.050, 0.095, 0.027, 0.016],
        [0.075, 0.110, 0.125, 0.080, 0.027, 0.016],
        [0.115, 0.155, 0.190, 0.270, 0.360, 0.300],
        [0.085, 0.115, 0.150, 0.230, 0.300, 0.240],
        [0.042, 0.075, 0.055, 0.300, 0.230, 0.115],
        [0.065, 0.090, 0.105, 0.240, 0.290, 0.180],
        [0.035, 0.065, 0.045, 0.340, 0.210, 0.095],
        [0.050, 0.070, 0.090, 0.200, 0.260, 0.180],
        [0.035, 0.040, 0.045, 0.090, 0.130, 0.130],
        [0.030, 0.060, 0.036, 0.325, 0.185, 0.080],
        [0.042, 0.062, 0.065, 0.220, 0.235, 0.140],
    ],
    np.float32,
)
"""(material, band) surface reflectance."""

FOREST_DB = np.array([-7.5, -13.3], np.float32)
"""Forest, VV and VH, dB of gamma0."""

BACKSCATTER_DB = np.array(
    [
        [-13.0, -20.5],
        [-10.0, -17.0],
        [-18.0, -25.0],
        [-17.5, -24.5],
        [-17.0, -24.5],
        [-13.0, -21.0],
        [-11.5, -18.5],
        [-10.0, -16.2],
        [-11.0, -17.5],
        [-9.5, -15.5],
        [-7.9, -14.4],
        [-9.5, -16.8],
        [-8.0, -14.0],
        [-8.3, -14.8],
    ],
    np.float32,
)
"""(material, polarisation VV VH) gamma0, dB."""

RAIN_DB = np.array([2.5, 2.5, 0, 0, 0, 2.0, 1.5, 1.2, 2.0, 1.2, 0.8, 2.2, 0.5, 0.6], np.float32)
"""What rain of the last days adds to a material, dB."""

WIND_DB = np.array([0, 0, 1, 1, 1.3, 0, 0, 0, 0, 0, 0, 0, 0, 0], np.float32)
"""How strongly wind roughens a material: factor on the wind of the day, dB."""

CLOUD = np.array([0.38, 0.38, 0.39, 0.47, 0.36, 0.26], np.float32)
"""Thick cloud."""

HAZE_ADDS = np.array([0.210, 0.160, 0.125, 0.085, 0.030, 0.018], np.float32)
"""Light that fully opaque haze adds."""

HAZE_HIDES = np.array([0.55, 0.48, 0.42, 0.32, 0.14, 0.10], np.float32)
"""Share of the ground's light that fully opaque haze takes."""

SHADOW_HIDES = np.array([0.40, 0.50, 0.55, 0.72, 0.76, 0.72], np.float32)
"""Share of the ground's light that full cloud shadow takes."""

NOISE = np.array([0.0032, 0.0036, 0.0036, 0.0150, 0.0075, 0.0048], np.float32)
"""Standard deviation of one pixel's reflectance between observations, 10 or 20 m."""

SEASON = np.array([0.3, 0.4, 0.5, 1.0, 0.6, 0.5], np.float32)
"""How strongly each band follows the forest's season."""

LANDSAT_GAIN = np.array([0.985, 0.992, 0.985, 1.035, 1.004, 1.010], np.float32)
LANDSAT_OFFSET = np.array([0.0010, 0.0012, 0.0008, 0.0020, 0.0010, -0.0004], np.float32)
"""Landsat's bands differ a little from Sentinel-2's: reflectance = gain * Sentinel-2 + offset."""
