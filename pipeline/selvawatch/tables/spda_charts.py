"""Charts of SPDA (2016) as printed, under every reading their text allows, with the shares they imply."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from selvawatch.core.schema import column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.tables.base import TableInputs, TableSpec, settings_of
from selvawatch.tables.granted import with_changes
from selvawatch.tables.rendering import rendered
from selvawatch.tables.wording.explanations import share_of


def spda_charts(inputs: TableInputs, _options: TableOptions) -> pd.DataFrame:
    """The published charts with ratio, change and shares; ambiguous ones stand once for each reading.

    Chart 3 has shares of the listed areas per period, charts 4 and 7 shares of the area.
    """
    cells = pd.DataFrame([asdict(one) for one in settings_of(inputs).chart])
    parts = []
    for (chart, reading), part in cells.groupby(["chart", "reading"], sort=True):
        order = list(dict.fromkeys(part["period"]))
        table = with_changes(part.reset_index(drop=True), ["area", "type"], order)
        within = ["period"] if chart == 3 else ["area"]
        of = "chart-period" if chart == 3 else "chart-area"
        table = rendered(table, within=within, of=share_of(of, {"reading": repr(reading)}))
        parts.append(table.assign(ambiguous=_ambiguous(cells, int(str(chart)))))
    table = pd.concat(parts, ignore_index=True)
    table["ha_lo"] = np.where(table["flag"] == "undetermined", np.nan, table["ha"])
    table["ha_hi"] = table["ha_lo"]
    return table


def _ambiguous(cells: pd.DataFrame, chart: int) -> bool:
    return bool(cells["reading"][cells["chart"] == chart].nunique() > 1)


SPECS = (
    TableSpec(
        name="spda_charts",
        description="Charts 3, 4 and 7 of SPDA (2016) as printed, under every reading, with their shares.",
        build=spda_charts,
        columns=columns(
            column("chart", "int", "Number of the chart in SPDA (2016)."),
            column("reading", "text", "Which of the readings that the chart's text allows."),
            column("ambiguous", "bool", "Whether other readings stand beside."),
            column("area", "text", "Area of interest as the source prints it."),
            column("period", "text", "Period as the source prints it."),
            column("type", "text", "Type of right as the source prints it."),
            column("ha", "float", "Hectares as printed.", unit="ha"),
            column(
                "ha_lo",
                "float",
                "As `ha`: a printed figure has no bounds; empty where undetermined.",
                unit="ha",
                nullable=True,
            ),
            column(
                "ha_hi",
                "float",
                "As `ha`, for a printed figure has no bounds; empty where undetermined.",
                unit="ha",
                nullable=True,
            ),
            column("flag", "text", "stated, computed, inferred, undetermined."),
            column("ratio_prev", "float", "How many times the figure of the period before.", nullable=True),
            column(
                "pct_change_prev",
                "float",
                "Change against the period before, in percent, as printed.",
                unit="%",
                nullable=True,
            ),
            column("share", "float", "Part of what `share_of` names, 0 to 1.", nullable=True),
            column("share_pct", "float", "In percent; parts add up to 100.", nullable=True),
            column("share_of", "text", "What the share is a share of."),
            column("note", "text", "What to know before the figure is quoted."),
        ),
        notes=("Overlaps between types were ignored by the source (its note 18).",),
    ),
)
