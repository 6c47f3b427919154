"""From judgements of units to a report: who was lost, who was confirmed, when, and how sure that is."""

from dataclasses import dataclass, replace

import numpy as np

from selvawatch.core.days import NO_DAY, iso
from selvawatch.validate import estimators
from selvawatch.validate.report import DATES, JsonValue, Method, ValidationReport

DAYS_PER_YEAR = 365.25
"""Mean length of a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgements:
    """What a detector said of n units, beside what is known of them. All arrays are (n,)."""

    lost: np.ndarray
    """bool: the reference says lost."""
    confirmed_on: np.ndarray
    """int: day of confirmation; `NO_DAY` = never."""
    blocks: np.ndarray
    """Block of the unit: neighbours that are resampled together."""
    break_day: np.ndarray | None = None
    """int: first day of the loss, `NO_DAY` = not known; confirmed before it is early. None: none known."""
    compared_day: np.ndarray | None = None
    """int: day of another method to measure the delay against, `NO_DAY` = none; None: the break day."""
    scores: np.ndarray | None = None
    """float: highest evidence of the unit, for the AUC; None: not ranked."""
    watched_years: np.ndarray | None = None
    """float: years for which the unit was watched until its confirmation or the end; None: not known."""


def judge(judged: Judgements, method: Method) -> ValidationReport:
    """The report of a set of judgements."""
    lost = np.asarray(judged.lost, bool)
    confirmed_on = np.asarray(judged.confirmed_on, np.int64)
    break_day = np.zeros(lost.size, np.int64) if judged.break_day is None else np.asarray(judged.break_day)
    confirmed = confirmed_on != NO_DAY
    early = lost & confirmed & (break_day != NO_DAY) & (confirmed_on < break_day)
    units = estimators.outcomes(lost, confirmed, early)
    counts = estimators.confusion(units)
    has_lost, has_kept = bool(lost.any()), bool((~lost).any())
    ci95 = estimators.block_bootstrap(units, judged.blocks) if has_lost else {}
    medians, p90, delay_ci = _delays(judged, units[:, 0].astype(bool), break_day)
    area = None
    if judged.scores is not None and has_lost and has_kept:
        area = estimators.auc(judged.scores, lost)
        interval = estimators.auc_bootstrap(judged.scores, lost, judged.blocks)
        if interval:
            ci95["auc"] = interval
    rate = None
    if judged.watched_years is not None and has_kept:
        false, years = int((confirmed & ~lost).sum()), float(judged.watched_years[~lost].sum())
        rate = estimators.ratio(100 * false, years)
        bounds = estimators.rate_interval(false, years / 100)
        if bounds:
            ci95["false_alarms_per_100_px_years"] = bounds
    knows_breaks = bool((lost & (break_day != NO_DAY)).any())
    return ValidationReport(
        n=lost.size,
        tp=counts.tp if has_lost else None,
        fp=counts.fp,
        fn=counts.fn if has_lost else None,
        tn=counts.tn,
        users_accuracy=counts.users_accuracy if has_lost else None,
        producers_accuracy=counts.producers_accuracy if has_lost else None,
        f1=counts.f1 if has_lost else None,
        auc=area,
        delay_days_median=medians,
        delay_days_p90=p90,
        early_share=float(early.sum() / lost.sum()) if knows_breaks else None,
        false_alarms_per_100_px_years=rate,
        ci95=ci95 | delay_ci,
        method=_dated(method, confirmed_on[lost & confirmed]),
    )


def _dated(method: Method, days: np.ndarray) -> Method:
    """The method with first, median and last confirmation day of lost units."""
    if not days.size:
        return method
    middle = int(np.sort(days)[(days.size - 1) // 2])
    dates: list[JsonValue] = [iso(int(days.min())), iso(middle), iso(int(days.max()))]
    return replace(method, parameters={**method.parameters, DATES: dates})


def _delays(
    judged: Judgements, hits: np.ndarray, break_day: np.ndarray
) -> tuple[float | None, float | None, dict[str, tuple[float, float]]]:
    start = break_day if judged.compared_day is None else np.asarray(judged.compared_day, np.int64)
    known = hits & (start != NO_DAY)
    if not known.any():
        return None, None, {}
    delays = (np.asarray(judged.confirmed_on)[known] - start[known]).astype(float)
    interval = estimators.statistic_bootstrap(
        delays, np.asarray(judged.blocks)[known], lambda values: float(np.median(values))
    )
    named = {"delay_days_median": interval} if interval else {}
    return float(np.median(delays)), float(np.percentile(delays, 90)), named


def square_blocks(rows: np.ndarray, columns: np.ndarray, side: int) -> np.ndarray:
    """(n,) int block number of each pixel: squares of `side` pixels; rows, columns: (n,) int."""
    return (np.asarray(rows) // side) * 1_000_000 + np.asarray(columns) // side


def degree_blocks(lon: np.ndarray, lat: np.ndarray, side: float) -> np.ndarray:
    """(n,) int block number of each point: squares of `side` degrees; lon, lat: (n,) float, degrees."""
    return np.floor(np.asarray(lat) / side).astype(np.int64) * 1_000_000 + np.floor(
        np.asarray(lon) / side
    ).astype(np.int64)


def watched_years(confirmed_on: np.ndarray, first_day: int | np.ndarray, last_day: int) -> np.ndarray:
    """Years for which each unit was watched: from the first day to its confirmation, or to the last day;
    float of the shape of confirmed_on (int days, 0 = never). first_day: one day, or one for each unit.
    """
    until = np.where(confirmed_on != NO_DAY, confirmed_on, last_day)
    return np.asarray(np.maximum(until - first_day, 0) / DAYS_PER_YEAR)
