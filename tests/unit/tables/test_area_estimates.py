"""Error-adjusted areas: the numbers of Olofsson et al. 2014, the interval's coverage, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

import attribute_made as made
from attribute_made import box, cells, inputs, register
from selvawatch.core.tier import Tier
from selvawatch.errors import LayerError, TableError
from selvawatch.tables import TABLES, TableOptions, build, check_options
from selvawatch.validate.area_sample import read_area_sample
from selvawatch.validate.stratified import Z95, adjusted_area, stratified_accuracy

SIDE = 2_000.0
LABEL = "made 1"


def setting(**rest):
    """An area of 400 ha, of which a strip of 100 ha was lost in 2025."""
    outline = {"type": "area", "name": "la-pampa", "geometry": box(0, 0, SIDE, SIDE), "first": "2000-01-01"}
    rights = register([outline])
    loss = cells([box(0, 0, 500, SIDE)], ha=[100.0])
    return inputs(loss, rights, **{"watched_from": made.TODAY - 400, **rest})


def rows(wrong_loss=4, wrong_other=3, n=40, **columns):
    """`n` units in each class of the map, of which some are something else."""
    x = np.concatenate([np.linspace(50, 450, n), np.linspace(600, 1950, n)])
    y = np.tile(np.linspace(100, 1900, n), 2)
    back = Transformer.from_crs(made.CRS, "EPSG:4326", always_xy=True)
    lon, lat = back.transform(made.WEST + x, made.SOUTH + y)
    stratum = np.repeat(["loss", "no loss"], n)
    label = stratum.copy()
    label[:wrong_loss] = "no loss"
    label[n : n + wrong_other] = "loss"
    frame = {"product": LABEL, "area": "la-pampa", "year": 2025, "stratum": stratum, "label": label}
    frame |= {"stratum_ha": np.where(stratum == "loss", 100.0, 299.0), "lon": lon, "lat": lat}
    return pd.DataFrame(frame).assign(**columns)


@pytest.fixture
def sample(tmp_path):
    def write(frame):
        frame.to_csv(tmp_path / "sample.csv", index=False)
        return read_area_sample(tmp_path / "sample.csv")

    return write


def estimate(sample, **options):
    table = build("area_estimates", setting(sample=sample), TableOptions(**options))
    return table[table["year"] == "2025"].iloc[0]


def test_the_interval_is_that_of_the_paper_where_each_stratum_has_units_of_both_kinds():
    """Its example of deforestation: 21,158 ha +- 6,158 ha, in pixels of 0.09 ha."""
    counts = {"deforestation": (66, 9), "forest gain": (0, 75), "stable forest": (1, 164), "other": (2, 323)}
    pixels = dict(zip(counts, (200_000.0, 150_000.0, 3_200_000.0, 6_450_000.0), strict=True))
    strata = np.repeat(list(counts), [sum(pair) for pair in counts.values()])
    reference = np.concatenate([np.repeat(["deforestation", "rest"], pair) for pair in counts.values()])
    found = adjusted_area(strata, reference, pixels, "deforestation")
    assert found.area.value * 0.09 == pytest.approx(21_158, abs=1)
    assert Z95 * found.area.standard_error * 0.09 == pytest.approx(6_158, abs=1)
    assert found.low == pytest.approx(found.area.value - Z95 * found.area.standard_error, rel=1e-12)
    beyond = 150_000 * (1 - 0.025 ** (1 / 75))  # no unit of forest gain was deforested
    half = np.hypot(Z95 * found.area.standard_error, beyond)
    assert found.high == pytest.approx(found.area.value + half, rel=1e-12)


def test_a_sample_that_agrees_with_the_map_everywhere_has_an_interval_all_the_same():
    strata = np.repeat(["loss", "no loss"], 50)
    found = adjusted_area(strata, strata, {"loss": 100.0, "no loss": 900.0}, "loss")
    assert found.area.standard_error == pytest.approx(0, abs=1e-9)
    assert 85 < found.low < 95 and 150 < found.high < 170


@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    shares=st.tuples(st.floats(0.5, 0.99), st.floats(0.005, 0.3)),
    units=st.tuples(st.integers(60, 300), st.integers(100, 400)),
    part=st.floats(0.02, 0.5),
    seed=st.integers(0, 2**31),
)
def test_the_interval_holds_the_area_that_samples_were_drawn_from(shares, units, part, seed):
    """Samples drawn by the design from a map whose truth is known: at least nine in ten intervals hold it."""
    rng = np.random.default_rng(seed)
    areas = {"loss": 1000 * part, "no loss": 1000 * (1 - part)}
    truth = sum(area * share for area, share in zip(areas.values(), shares, strict=True))
    strata = np.repeat(list(areas), units)
    drawn = [rng.binomial(count, share, 200) for count, share in zip(units, shares, strict=True)]
    kinds, times = np.unique(np.stack(drawn, axis=1), axis=0, return_counts=True)
    held = 0
    for hits, count in zip(kinds, times, strict=True):
        of_stratum = [np.repeat(["loss", "no loss"], [k, n - k]) for k, n in zip(hits, units, strict=True)]
        found = adjusted_area(strata, np.concatenate(of_stratum), areas, "loss")
        held += count * (found.low <= truth <= found.high)
    least = 0.88 if min(units[0] * (1 - shares[0]), units[1] * shares[1]) >= 5 else 0.80
    assert held / 200 >= least


def test_a_row_has_the_estimate_of_its_sample_and_is_marked_as_not_additive(sample):
    frame = rows()
    found = estimate(sample(frame))
    expected = stratified_accuracy(
        frame["stratum"], frame["stratum"], frame["label"], {"loss": 100.0, "no loss": 299.0}, "loss"
    ).area
    assert found["ha"] == pytest.approx(100.0)
    assert found["ha_estimated"] == pytest.approx(100 * 36 / 40 + 299 * 3 / 40) == expected.value
    assert (found["ha_ci_lo"], found["ha_ci_hi"]) == pytest.approx(expected.interval)
    assert (found["ci_method"], found["reason"], bool(found["additive"])) == ("stratified", "", False)


def test_without_a_sample_every_row_is_empty_and_says_so():
    table = build("area_estimates", setting(), TableOptions())
    assert len(table) and table[["ha_estimated", "ha_ci_lo", "ha_ci_hi"]].isna().all(axis=None)
    assert set(table["ci_method"]) == {"not_estimated"}
    assert set(table["reason"]) == {"no reference sample of this area and year"}


def test_a_stratum_of_fewer_than_thirty_units_is_empty_with_the_reason(sample):
    found = estimate(sample(rows(n=29)))
    assert np.isnan(found["ha_estimated"]) and np.isnan(found["ha_ci_hi"])
    assert "29 in `loss` and 29 in `no loss`, needed 30" in found["reason"]
    assert (found["ci_method"], found["units_loss"]) == ("not_estimated", 29)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"area": "delta-1"}, "another area.*delta-1.*la-pampa"),
        ({"year": 2019}, "not watched.*2019"),
        ({"stratum_ha": 5.0}, "stratum `loss` is not that of this product"),
        ({"lon": -60.0}, "outside their area"),
    ],
)
def test_a_sample_that_was_not_drawn_from_this_map_is_refused(sample, change, message):
    frame = rows()
    if "lon" in change:
        frame.loc[7, "lon"] = change["lon"]
    else:
        frame = frame.assign(**change)
    with pytest.raises(TableError, match=message):
        estimate(sample(frame))


def test_units_that_lie_in_the_other_class_of_the_map_are_refused(sample):
    frame = rows()
    frame["stratum"] = frame["stratum"].map({"loss": "no loss", "no loss": "loss"})
    frame["stratum_ha"] = np.where(frame["stratum"] == "loss", 100.0, 299.0)
    with pytest.raises(TableError, match="do not lie in the class of the map.*80 of 80.*line 2"):
        estimate(sample(frame))


def test_strata_that_exceed_their_area_are_refused(sample):
    frame = rows()
    frame["stratum_ha"] = np.where(frame["stratum"] == "loss", 100.0, 400.0)
    with pytest.raises(TableError, match="are not their area"):
        estimate(sample(frame))


def test_a_stratum_of_one_unit_is_refused(sample):
    with pytest.raises(TableError, match="too few units.*1 in `loss`"):
        estimate(sample(rows().iloc[39:]))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda frame: frame.assign(stratum="water"), "column stratum has a class that is unknown"),
        (lambda frame: frame.assign(label="perhaps"), "column label has a class that is unknown"),
        (lambda frame: frame.assign(label=None), "column label is empty"),
        (lambda frame: frame.assign(year=2025.5), "year is no year"),
        (lambda frame: frame.assign(lat=-95.0), "coordinates are no degrees"),
        (lambda frame: frame.assign(stratum_ha=None), "stratum_ha is not a number"),
        (lambda frame: frame.assign(stratum_ha=-1.0), "stratum_ha is no area"),
        (lambda frame: frame.drop(columns="stratum_ha"), "a column is missing.*stratum_ha"),
        (lambda frame: frame.drop(columns="product"), "a column is missing.*product"),
        (lambda frame: frame.assign(product=["a", "b"] * 40), "a sample is of one product"),
        (lambda frame: frame.assign(stratum_ha=np.arange(80.0)), "a stratum has two areas"),
        (lambda frame: frame[frame["stratum"] == "loss"], "a stratum has no units.*`no loss`"),
        (lambda frame: pd.concat([frame, frame.iloc[:1]]), "a unit stands twice.*line 82"),
        (lambda frame: frame.assign(unit="u1"), "a unit stands twice.*line 3"),
        (lambda frame: frame.iloc[:0], "has no rows"),
    ],
)
def test_a_file_that_is_no_sample_is_refused_in_a_line_that_says_where(sample, edit, message):
    with pytest.raises(LayerError, match=message) as refused:
        sample(edit(rows()))
    assert "\n" not in str(refused.value)


def test_what_has_no_sample_of_its_own_is_refused(sample):
    of_map = sample(rows())
    with pytest.raises(TableError, match="does not use the option.*by"):
        check_options("area_estimates", TableOptions(by=("district",)))
    with pytest.raises(TableError, match="loss, not its cause"):
        estimate(of_map, measure="loss_mining")
    with pytest.raises(TableError, match="--tier restricted"):
        build("area_estimates", setting(sample=of_map, tier=Tier.PUBLIC), TableOptions())


def test_every_table_with_bounds_has_an_interval_beside_them_and_none_without_a_sample():
    bounded = [name for name, spec in TABLES.items() if "ha_hi" in {one.name for one in spec.columns}]
    assert len(bounded) > 15
    for name in bounded:
        for spec in (TABLES[name], TABLES[name].of_tier(Tier.PUBLIC)):
            names = [one.name for one in spec.columns]
            if "ha_hi" in names:
                assert {"ha_ci_lo", "ha_ci_hi", "ci_method"} <= set(names)
    table = build("loss_by_type", setting(), TableOptions())
    assert table[["ha_ci_lo", "ha_ci_hi"]].isna().all(axis=None)
    assert set(table["ci_method"]) == {"not_estimated"}
