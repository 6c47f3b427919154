import ee
import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

import earthengine_server
import stac_folder
from engine_account import engine_account
from selvawatch.sources.earthengine import pixels

SIDE = 6
CORNER = Affine(10, 0, 350_000, 0, -10, 8_600_000)
BANDS = ("B2", "B4", "B8")
ASSET = "COPERNICUS/S2_SR_HARMONIZED"
_NUMBERS = np.random.default_rng(8)
STORED = {name: _NUMBERS.integers(0, 3000, (SIDE, SIDE)).astype(np.uint16) for name in BANDS}
STORED["B8"][0, :3] = 65535
OTHER = np.array(STORED["B4"][::-1])
GRID = {
    "crsCode": "EPSG:32719",
    "affineTransform": {"scaleX": 10, "scaleY": -10, "translateX": CORNER.c, "translateY": CORNER.f},
    "dimensions": {"width": SIDE, "height": SIDE},
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A loopback Earth Engine with two small images, and a client that has logged in."""
    folder = tmp_path_factory.mktemp("engine")
    paths = {
        name: stac_folder.write_cog(folder / f"{name}.tif", values, "EPSG:32719", CORNER, 65535)
        for name, values in STORED.items()
    }
    flipped = stac_folder.write_cog(folder / "other.tif", OTHER, "EPSG:32719", CORNER, 65535)
    records = [
        {"id": f"{ASSET}/A", "bands": paths, "properties": {"system:index": "A", "rank": 1}},
        {"id": f"{ASSET}/B", "bands": dict.fromkeys(BANDS, flipped), "properties": {"rank": 2}},
    ]
    with (
        earthengine_server.serve({ASSET: records}) as served,
        pytest.MonkeyPatch.context() as patch,
        engine_account(patch, folder) as enter,
    ):
        enter(served)
        pixels.ask(lambda ee: ee.Number(1).getInfo())
        ee.data.setMaxRetries(0)
        yield served


def _pixels(image, grid=GRID):
    return ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid})


def _seen(image, grid=GRID):
    """The one band of an image as a masked array, its mask as the service tells it."""
    named = image.select([0], ["value"])
    got = _pixels(named.addBands(named.mask().select([0], ["seen"])), grid)
    return np.ma.masked_array(got["value"], mask=got["seen"] == 0)


_TWO = {
    "add": np.ma.add,
    "subtract": np.ma.subtract,
    "multiply": np.ma.multiply,
    "min": np.ma.minimum,
    "max": np.ma.maximum,
    "gt": np.ma.greater,
    "lte": np.ma.less_equal,
    "eq": np.ma.equal,
    "and": np.ma.logical_and,
    "or": np.ma.logical_or,
}
_TRUTHS = ("gt", "lte", "eq", "and", "or")


def _engine(tree):
    """The Earth Engine image of a tree."""
    kind, *rest = tree
    if kind == "band":
        return ee.Image(f"{ASSET}/A").select(rest[0]).toDouble()
    if kind == "number":
        return ee.Image.constant(float(rest[0])).toDouble()
    if kind == "not":
        return _engine(rest[0]).Not().toDouble()
    if kind == "unmask":
        return _engine(rest[0]).unmask(ee.Image.constant(float(rest[1])).toDouble(), False)
    if kind == "mask":
        return _engine(rest[0]).updateMask(_engine(rest[1]).gt(ee.Image.constant(0.0).toDouble()))
    name = {"and": "And", "or": "Or"}.get(kind, kind)
    return getattr(_engine(rest[0]), name)(_engine(rest[1])).toDouble()


def _numpy(tree):
    """The same in plain numpy: (y, x) float64, masked."""
    kind, *rest = tree
    if kind == "band":
        stored = STORED[rest[0]]
        return np.ma.masked_array(stored.astype(np.float64), mask=stored == 65535)
    if kind == "number":
        return np.ma.masked_array(np.full((SIDE, SIDE), float(rest[0])), mask=False)
    if kind == "not":
        return np.ma.masked_array((_numpy(rest[0]) == 0).astype(np.float64))
    if kind == "unmask":
        return np.ma.masked_array(np.ma.filled(_numpy(rest[0]), float(rest[1])), mask=False)
    if kind == "mask":
        image, mask = _numpy(rest[0]), _numpy(rest[1])
        unseen = np.ma.getmaskarray(image) | np.ma.getmaskarray(mask) | (np.ma.getdata(mask) <= 0)
        return np.ma.masked_array(np.ma.getdata(image), mask=unseen)
    left, right = _numpy(rest[0]), _numpy(rest[1])
    return np.ma.masked_array(_TWO[kind](left, right).astype(np.float64))


_LEAVES = st.one_of(
    st.tuples(st.just("band"), st.sampled_from(BANDS)), st.tuples(st.just("number"), st.integers(-5, 3000))
)


def _grow(trees):
    return st.one_of(
        st.tuples(st.sampled_from(sorted(_TWO)), trees, trees),
        st.tuples(st.just("unmask"), trees, st.integers(-9, 9)),
        st.tuples(st.just("mask"), trees, trees),
        st.tuples(st.just("not"), trees),
    )


@pytest.mark.usefixtures("engine")
@settings(max_examples=60, deadline=None)
@given(tree=st.recursive(_LEAVES, _grow, max_leaves=6))
def test_any_small_expression_gives_what_numpy_gives(tree):
    got, expected = _seen(_engine(tree)), _numpy(tree)
    np.testing.assert_array_equal(np.ma.getmaskarray(got), np.ma.getmaskarray(expected))
    np.testing.assert_array_equal(np.ma.filled(got, 0), np.ma.filled(expected, 0))


@pytest.mark.usefixtures("engine")
def test_integers_keep_the_least_type_that_holds_both():
    red = ee.Image(f"{ASSET}/A").select("B4")
    for value, kind in ((5, "<u2"), (-5, "<i4"), (70_000, "<u4")):
        assert _pixels(red.unmask(value))["B4"].dtype == np.dtype(kind)
        got = _pixels(red.add(ee.Image.constant(value)))["B4"] if value != -5 else None
        if got is not None:
            np.testing.assert_array_equal(got, STORED["B4"].astype(np.int64) + value)


@pytest.mark.usefixtures("engine")
def test_collections_are_composed_as_numpy_composes_them():
    images, stack = ee.ImageCollection(ASSET), np.stack([STORED["B4"], OTHER])
    assert [images.limit(1, "rank", False).first().get("rank").getInfo(), images.size().getInfo()] == [2, 2]
    for name in ("mean", "median", "min", "max"):
        got = _pixels(images.select("B4").reduce(getattr(ee.Reducer, name)()))[f"B4_{name}"]
        np.testing.assert_array_equal(got, getattr(np, name)(stack, axis=0))
    np.testing.assert_array_equal(_pixels(images.select("B4").mosaic())["B4"], OTHER)
    doubled = images.select("B4").map(lambda image: image.add(image)).reduce(ee.Reducer.max())
    np.testing.assert_array_equal(_pixels(doubled)["B4_max"], 2 * stack.max(axis=0))


@pytest.mark.usefixtures("engine")
def test_indices_and_areas_are_those_of_the_formula():
    image = ee.Image(f"{ASSET}/A")
    got = _seen(image.normalizedDifference(["B8", "B4"]))
    near, red = (STORED[name].astype(np.float64) for name in ("B8", "B4"))
    expected = np.ma.masked_array(((near - red) / (near + red)).astype(np.float32), mask=near == 65535)
    np.testing.assert_array_equal(np.ma.filled(got, 9), np.ma.filled(expected, 9))
    area = _pixels(ee.Image.pixelArea())["area"]
    assert area.shape == (SIDE, SIDE) and np.all(np.abs(area - 100) < 0.2) and not np.all(area == 100)


@pytest.mark.usefixtures("engine")
def test_a_grid_in_another_projection_takes_the_nearest_pixel():
    from pyproj import CRS, Transformer

    sinusoidal = CRS.from_proj4("+proj=sinu +lon_0=-70 +R=6371007.181 +units=m").to_wkt()
    middle = CORNER @ (SIDE / 2, SIDE / 2)
    east, north = Transformer.from_crs("EPSG:32719", sinusoidal, always_xy=True).transform(*middle)
    grid = {
        "crsWkt": sinusoidal,
        "affineTransform": {"scaleX": 1, "scaleY": -1, "translateX": east - 0.5, "translateY": north + 0.5},
        "dimensions": {"width": 1, "height": 1},
    }
    near = STORED["B4"][SIDE // 2 - 1 : SIDE // 2 + 1, SIDE // 2 - 1 : SIDE // 2 + 1]
    assert _pixels(ee.Image(f"{ASSET}/A").select("B4"), grid)["B4"][0, 0] in near
    assert _pixels(ee.Image(f"{ASSET}/A").select("B4"), GRID | {"crsCode": "ESRI:102033"})["B4"].max() == 0
    with pytest.raises(ee.EEException, match="could not be parsed"):
        _pixels(ee.Image(f"{ASSET}/A").select("B4"), GRID | {"crsCode": "SR-ORG:6974"})


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda red: red.divide(red), "division of integers"),
        (lambda red: red.multiply(red), "grows out of its type"),
        (lambda red: red.updateMask(ee.Image.constant(0.5)), "mask of fractions"),
        (lambda red: red.reproject("EPSG:4326"), r"Image\.reproject"),
        (lambda red: red.addBands(red).select(0).toDouble().toInt32(), "integer made of a float"),
        (lambda red: red.focal_max(1), "does not model"),
    ],
)
def test_what_the_server_is_not_sure_of_it_refuses(make, what):
    with pytest.raises(ee.EEException, match=what):
        _pixels(make(ee.Image(f"{ASSET}/A").select("B4")))


@pytest.mark.usefixtures("engine")
def test_an_answer_over_48_megabytes_is_refused():
    grid = GRID | {"dimensions": {"width": 4200, "height": 4200}}
    with pytest.raises(ee.EEException, match="must be less than or equal to 50331648 bytes"):
        _pixels(ee.Image(f"{ASSET}/A").select("B4"), grid)


def test_only_the_bands_asked_for_are_read(engine, tmp_path):
    record = {"id": f"{ASSET}/C", "bands": {}, "properties": {}}
    kept = stac_folder.write_cog(tmp_path / "kept.tif", STORED["B4"], "EPSG:32719", CORNER, 65535)
    gone = stac_folder.write_cog(tmp_path / "gone.tif", STORED["B8"], "EPSG:32719", CORNER, 65535)
    image = earthengine_server.graph.Catalogue({ASSET: [record | {"bands": {"B4": kept, "B8": gone}}]})
    gone.unlink()
    known, engine.catalogue = engine.catalogue, image
    try:
        np.testing.assert_array_equal(_pixels(ee.Image(f"{ASSET}/C").select("B4"))["B4"], STORED["B4"])
    finally:
        engine.catalogue = known
