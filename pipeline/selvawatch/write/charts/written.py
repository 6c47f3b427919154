"""All charts of a run for a tier, in every language, as SVG and PNG."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import shapely

from selvawatch.write.charts import by_type, fronts, months, promptness
from selvawatch.write.charts.drawing import SUFFIXES, About, Origin, origin_lines, words_in_chart, write_chart
from selvawatch.write.language.i18n import LOCALES, Language, language

Drawn = tuple[str, Callable[..., None], tuple[float, float]]
"""Title, what draws it into a figure (with `lang`), and its size in inches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartInputs:
    """What the charts are drawn from, as a tier may see it."""

    by_month: pd.DataFrame
    """Table `loss_by_period` by month and area."""
    by_type: pd.DataFrame
    """Table `loss_type_zone_period`."""
    squares: pd.DataFrame
    """Table `front_age`."""
    alerts: pd.DataFrame
    """ALERTS."""
    periods: tuple[months.LegalPeriod, ...]
    titles: Mapping[str, str]
    """What people read for names of periods and areas."""
    outline: shapely.Geometry
    """Of all areas, in the pixel CRS."""


def write_charts(folder: Path, inputs: ChartInputs, origin: Origin) -> list[Path]:
    """Write `<chart>-<es|en>.svg` and `.png` of every chart into a folder and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for code in LOCALES:
        lang = language(code)
        for name, (title, draw, size) in _charts(inputs, lang).items():
            about = About(title=lang.text(title), lines=origin_lines(origin, lang))
            for suffix in SUFFIXES:
                path = folder / f"{name}-{code}{suffix}"
                written.append(write_chart(path, about, partial(draw, lang=lang), size))
    return written


def _charts(inputs: ChartInputs, lang: Language) -> dict[str, Drawn]:
    areas = [
        inputs.titles.get(name) or words_in_chart("area", name, lang)
        for name in inputs.by_month["area"].astype(str)
    ]
    named = inputs.by_month.assign(area=areas)
    panels = min(months.AREAS_SHOWN, max(1, named["area"].nunique()))
    by_month = partial(months.draw_months, months=named, periods=inputs.periods)
    types = partial(by_type.draw_types, rows=inputs.by_type, titles=inputs.titles)
    squares = partial(fronts.draw_fronts, squares=inputs.squares, area=inputs.outline)
    found = partial(promptness.draw_promptness, alerts=inputs.alerts)
    return {
        "months": (months.TITLE, by_month, (9.0, 2.2 + 2.2 * panels)),
        "types": (by_type.TITLE, types, (9.0, 6.0)),
        "fronts": (fronts.TITLE, squares, (8.0, 7.0)),
        "promptness": (promptness.TITLE, found, (7.0, 4.6)),
    }
