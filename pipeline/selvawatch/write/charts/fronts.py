"""Where fronts of possible mining began, and when: squares by their first year."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from selvawatch.write.charts.drawing import say
from selvawatch.write.language.i18n import N_, Language

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = N_("Advance of the fronts: first year with possible mining")
_NUMBERED = 80
"""Most squares that carry their year in figures."""


def draw_fronts(figure: "Figure", squares: pd.DataFrame, area: shapely.Geometry, lang: Language) -> None:
    """Put a map of squares into a figure, coloured by their first year from dark to light.

    squares: `west`, `south`, `cell_m` (metres of the pixel CRS), `first_year`. area: outline in the same CRS.
    """
    import matplotlib
    from matplotlib.patches import Patch, Rectangle

    axes = figure.subplots()
    if squares.empty:
        say(axes, lang.text(N_("No square has enough possible mining.")))
        return
    years = sorted(int(year) for year in squares["first_year"].unique())
    ramp = matplotlib.colormaps["cividis"](np.linspace(0, 1, max(2, len(years))))
    colours = {year: ramp[number] for number, year in enumerate(years)}
    numbers = squares[["west", "south", "cell_m", "first_year"]].to_numpy(float)
    for west, south, side, first_year in numbers.tolist():
        year, corner = int(first_year), (west / 1000, south / 1000)
        style: dict[str, Any] = {"facecolor": colours[year], "edgecolor": "white", "linewidth": 0.5}
        axes.add_patch(Rectangle(corner, side / 1000, side / 1000, **style))
        if len(squares) <= _NUMBERED:
            ink = "white" if colours[year][:3].mean() < 0.5 else "black"
            middle = (west / 1000 + side / 2000, south / 1000 + side / 2000)
            axes.annotate(f"{year}", middle, ha="center", va="center", fontsize=6, color=ink)
    for part in shapely.get_parts(shapely.boundary(area)):
        points = shapely.get_coordinates(part) / 1000
        axes.plot(points[:, 0], points[:, 1], color="#16352a", linewidth=1.4)
    axes.autoscale_view()
    axes.set_aspect("equal")
    axes.set_xlabel(lang.text(N_("east, km")), fontsize=8)
    axes.set_ylabel(lang.text(N_("north, km")), fontsize=8)
    axes.tick_params(labelsize=7)
    handles = [Patch(facecolor=colours[year], edgecolor="#555555", label=str(year)) for year in years]
    axes.legend(handles=handles, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
