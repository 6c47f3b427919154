"""What every source owes, against each archive as it answers: found once, read to the pixel, outlasted."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely

import archive_profiles
import fault_server
import opera_bursts
import stac_folder
from packaged import RECIPE
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.errors import SceneError, SourceError
from selvawatch.prepare.ingest import ingest_scenes
from selvawatch.prepare.observation_files import read_observation
from selvawatch.sources.catalogues import stac_requests
from selvawatch.sources.open import open_source
from selvawatch.web import retry, signing

EVERYWHERE = shapely.box(-75, -20, -60, 0)
MONTH = (to_day("2024-06-01"), to_day("2024-06-30"))
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=48).tile("x0800y18000")
WEST, _, _, NORTH = TILE.bounds
DAYS = ("2024-06-02", "2024-06-12", "2024-06-22")
STORAGE = "http://anaccount.blob.core.windows.net"
SECRET = "a-token-that-must-not-be-told"
Item = dict[str, Any]


def _ground(day: str) -> np.ndarray:
    """Reflectance or power of a day, in steps that every format keeps."""
    return np.random.default_rng(int(day[-2:])).integers(200, 4000, (48, 48)) / 10_000


def _optical(root: Path, day: str, names: dict[str, str], name: str, collection: str, jp2: bool) -> Item:
    """A Sentinel-2 item of an archive with its files, hrefs relative to the root."""
    bands = dict.fromkeys(("blue", "green", "red", "nir", "swir16", "swir22"), _ground(day))
    made = stac_folder.sentinel_2(root, name, f"{day}T14:58:33Z", bands, WEST, NORTH)
    folder, assets = root / "sentinel-2-c1-l2a" / name, {}
    for key, asset in made["assets"].items():
        file = f"{names.get(key, key)}.{'jp2' if jp2 else 'tif'}"
        if jp2:
            with rasterio.open(folder / f"{key}.tif") as source:
                profile = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES", "count": 1,
                           "dtype": source.dtypes[0], "width": source.width, "height": source.height,
                           "crs": source.crs, "transform": source.transform}  # fmt: skip
                with rasterio.open(folder / file, "w", **profile) as target:
                    target.write(source.read(1), 1)
        elif key in names:
            (folder / f"{key}.tif").rename(folder / file)
        kept = {field: value for field, value in asset.items() if field != "raster:bands" or not names}
        assets[names.get(key, key)] = kept | {"href": f"/sentinel-2-c1-l2a/{name}/{file}"}
    return made | {"collection": collection, "assets": assets}


def _earth_search(root: Path, day: str) -> list[Item]:
    return [_optical(root, day, {}, f"S2A_T19LCF_{day.replace('-', '')}", "sentinel-2-c1-l2a", jp2=False)]


def _planetary_computer(root: Path, day: str) -> list[Item]:
    names = dict(zip(archive_profiles.S2_ASSETS, archive_profiles.PC_ASSETS, strict=True))
    name = f"S2A_MSIL2A_{day.replace('-', '')}T144731_R096_T19LCF_x"
    return [_optical(root, day, names, name, "sentinel-2-l2a", jp2=False)]


def _copernicus(root: Path, day: str) -> list[Item]:
    sizes = {"B11": "20m", "B12": "20m", "SCL": "20m"}
    names = {
        key: f"{band}_{sizes.get(band, '10m')}"
        for key, band in zip(archive_profiles.S2_ASSETS, archive_profiles.PC_ASSETS, strict=True)
    }
    name = f"S2A_MSIL2A_{day.replace('-', '')}T144731_N0511_R096_T19LCF_x"
    item = _optical(root, day, names, name, "sentinel-2-l2a", jp2=True)
    item["properties"] |= {"processing:version": item["properties"].pop("s2:processing_baseline")}
    for key, asset in item["assets"].items():
        asset["alternate"] = {"https": {"href": asset["href"]}}
        asset["href"] = f"s3://eodata/Sentinel-2/{item['id']}/{key}.jp2"
        if key != "SCL_20m":
            asset |= {"raster:scale": 1e-4, "raster:offset": -0.1}
    return [item]


MAKERS: dict[str, Callable[[Path, str], list[Item]]] = {
    "earth-search": _earth_search,
    "planetary-computer": _planetary_computer,
    "asf-opera": lambda root, day: opera_bursts.bursts(root, day, _ground(day), WEST, NORTH),
    "copernicus": _copernicus,
}


def _only(*names):
    """Archives of some names alone."""
    chosen = [one for one in archive_profiles.PROFILES if one.name in names]
    return pytest.mark.parametrize("kept", chosen, indirect=True, ids=lambda one: one.name)


TOKENS = {"asf-opera": "EARTHDATA", "copernicus": "COPERNICUS"}


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """What an archive lists and keeps."""

    profile: archive_profiles.Profile
    items: tuple[Item, ...]
    files: fault_server.Served
    statuses: list[int] = field(default_factory=list)
    """Of the answers to the search that was made last."""

    @property
    def band(self) -> str:
        return "vv" if self.profile.name == "asf-opera" else "red"

    @property
    def text(self) -> str:
        return f"{'sentinel-1' if self.band == 'vv' else 'sentinel-2'}={self.profile.name}"


@pytest.fixture(scope="module", params=archive_profiles.PROFILES, ids=lambda one: one.name)
def kept(request, tmp_path_factory):
    """The files of an archive, served, and its items."""
    profile, root = request.param, tmp_path_factory.mktemp("shelf")
    items = [item for day in DAYS for item in MAKERS[profile.name](root, day)]
    with fault_server.serve(root) as files:
        base = STORAGE if profile.name == "planetary-computer" else files.address
        text = json.dumps(items).replace('"href": "/', f'"href": "{base}/')
        yield Shelf(profile=profile, items=tuple(json.loads(text)), files=files)


@pytest.fixture
def shelf(kept, monkeypatch):
    """The archive as a user meets it: what it wants is set, and nobody waits long."""
    monkeypatch.setattr(retry, "RULE", retry.RetryRule(tries=4, wait_s=0.02))
    monkeypatch.setattr(stac_requests, "_GAP_S", 0.001)
    files, name = kept.files, kept.profile.name
    files.faults.clear()
    files.authorizations.clear()
    files.redirect_to, files.token = "", fault_server.TOKEN
    files.signed_only, files.bearer = name == "planetary-computer", SECRET if name in TOKENS else ""
    signing._tokens.clear()
    if name in TOKENS:
        monkeypatch.setenv(f"{TOKENS[name]}_TOKEN", SECRET)
        monkeypatch.setenv(f"{TOKENS[name]}_HOST", "127.0.0.1")
    if name == "planetary-computer":
        monkeypatch.setenv("PC_SDK_SAS_URL", f"{files.address}{fault_server.TOKEN_PATH.rstrip('/')}")
        monkeypatch.setenv("http_proxy", files.address)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.delenv("PC_SDK_SUBSCRIPTION_KEY", raising=False)
    yield kept
    signing._tokens.clear()


def _found(shelf, monkeypatch, items=None, **changes):
    profile = replace(shelf.profile, **{"a_second": 0} | changes)
    with archive_profiles.serve(profile, shelf.items if items is None else items) as served:
        variable = f"{shelf.profile.name.upper().replace('-', '_')}_URL"
        monkeypatch.setenv(variable, served.address)
        source = open_source(shelf.text)
        try:
            return source, source.search(EVERYWHERE, *MONTH)
        finally:
            shelf.statuses[:] = served.requests


def _pixels(shelf, source, scene):
    return source.read(scene, TILE, (shelf.band,))[shelf.band].values


def test_every_scene_is_found_once_and_read_to_the_pixel(shelf, monkeypatch, tmp_path):
    source, found = _found(shelf, monkeypatch)
    assert sorted(scene.id for scene in found.scenes) == sorted(item["id"] for item in shelf.items)
    assert found.found == len(shelf.items)
    for scene in found.scenes:
        ground, got = _ground(scene.time.date().isoformat()), _pixels(shelf, source, scene)
        seen = np.isfinite(got)
        assert seen.mean() == (1 if len(shelf.items) == len(DAYS) else 26 / 48)
        np.testing.assert_allclose(got[seen], ground[seen], atol=1e-6)
    records = ingest_scenes(found.scenes, TILE, RECIPE, tmp_path, read=source.read)
    assert {record.state for record in records} == {"read"}
    written = sorted(tmp_path.rglob("*.tif"))
    assert len(written) == len(DAYS)
    if shelf.band == "vv":
        one = read_observation(written[0])
        assert len(one.scene_ids) == 2 and one.stream == "sentinel-1-descending-t127"
        clear = one.values["vv"] != np.iinfo(np.int16).min
        assert not clear[:20, :6].any() and clear[:, 9:].all() and clear[30:, :6].all()


@_only("earth-search", "asf-opera", "copernicus")
def test_pages_that_end_early_lose_nothing_where_the_archive_counts(shelf, monkeypatch):
    _, found = _found(shelf, monkeypatch, ends_early=True)
    assert len(found.scenes) == len(shelf.items)


def test_an_item_that_comes_late_is_found_by_the_next_search(shelf, monkeypatch):
    assert len(_found(shelf, monkeypatch, shelf.items[:-1])[1].scenes) == len(shelf.items) - 1
    assert len(_found(shelf, monkeypatch)[1].scenes) == len(shelf.items)


def test_a_product_that_is_made_anew_supersedes_the_older_one(shelf, monkeypatch):
    newer = copy.deepcopy(shelf.items[0])
    newer["id"] = newer["id"].replace("T200000Z", "T210000Z") if shelf.band == "vv" else newer["id"] + "2"
    for key in ("s2:processing_baseline", "processing:version"):
        if key in newer["properties"]:
            newer["properties"][key] = "05.12"
    _, found = _found(shelf, monkeypatch, [*shelf.items, newer])
    assert [one.scene.id for one in found.superseded] == [shelf.items[0]["id"]]
    assert newer["id"] in {scene.id for scene in found.scenes} and found.found == len(shelf.items) + 1


def test_a_page_of_html_with_status_200_is_one_line_and_passes(shelf, monkeypatch):
    with pytest.raises(SourceError, match="a page of HTML") as caught:
        _found(shelf, monkeypatch, html=9)
    assert "\n" not in str(caught.value)
    assert len(_found(shelf, monkeypatch)[1].scenes) == len(shelf.items)


def test_who_asks_too_fast_waits_and_loses_nothing(shelf, monkeypatch):
    monkeypatch.setattr(retry, "RULE", retry.RetryRule(tries=6, wait_s=0.3))
    _, found = _found(shelf, monkeypatch, a_second=1)
    assert len(found.scenes) == len(shelf.items) and shelf.profile.busy in shelf.statuses


@_only("planetary-computer", "asf-opera", "copernicus")
def test_a_token_that_ends_in_mid_run_is_asked_for_anew_or_named(shelf, monkeypatch):
    source, found = _found(shelf, monkeypatch)
    first, second = found.scenes[0], found.scenes[-1]
    assert np.isfinite(_pixels(shelf, source, first)).any()
    if shelf.profile.name in TOKENS:
        shelf.files.bearer = "another-token"
        with pytest.raises(
            SceneError, match=f"refuses the token in {TOKENS[shelf.profile.name]}_TOKEN"
        ) as caught:
            _pixels(shelf, source, second)
        assert caught.value.reason == "unreachable" and SECRET not in str(caught.value)
    else:
        shelf.files.token = "sv=1&sig=another-signature-not-to-be-told"
        assert np.isfinite(_pixels(shelf, source, second)).any()


@_only("planetary-computer", "asf-opera", "copernicus")
def test_an_empty_token_leaves_a_scene_for_the_next_run(shelf, monkeypatch):
    source, found = _found(shelf, monkeypatch)
    if shelf.profile.name in TOKENS:
        monkeypatch.setenv(f"{TOKENS[shelf.profile.name]}_TOKEN", "")
    else:
        shelf.files.token = ""
    with pytest.raises(SceneError, match="token") as caught:
        _pixels(shelf, source, found.scenes[0])
    assert caught.value.reason == "unreachable"


@_only("asf-opera", "copernicus")
def test_a_bearer_token_follows_no_redirect_to_another_host(shelf, monkeypatch):
    source, found = _found(shelf, monkeypatch)
    with fault_server.serve(shelf.files.folder) as elsewhere:
        shelf.files.redirect_to = elsewhere.address
        assert np.isfinite(_pixels(shelf, source, found.scenes[0])).any()
    assert set(shelf.files.authorizations) == {f"Bearer {SECRET}"}
    assert set(elsewhere.authorizations) == {None}


@_only("copernicus")
def test_copernicus_tells_without_a_token_what_a_mirror_misses(kept, monkeypatch):
    monkeypatch.delenv("COPERNICUS_TOKEN", raising=False)
    earth = [
        archive_profiles.make_item(
            f"S2A_T19LCF_{day.replace('-', '')}", "sentinel-2-c1-l2a", f"{day}T14:58:33Z",
            (-71.0, -13.5, -69.5, -12.0), archive_profiles.S2_ASSETS,
            **{"platform": "sentinel-2a", "s2:processing_baseline": "05.11"},
        )
        for day in DAYS[:2]
    ]  # fmt: skip
    with (
        archive_profiles.serve(archive_profiles.EARTH_SEARCH, earth) as mirror,
        archive_profiles.serve(kept.profile, kept.items) as first,
    ):
        monkeypatch.setenv("EARTH_SEARCH_URL", mirror.address)
        monkeypatch.setenv("COPERNICUS_URL", first.address)
        found = open_source("sentinel-2=earth-search+copernicus").search(EVERYWHERE, *MONTH)
    assert [scene.collection for scene in found.scenes] == [*["sentinel-2-c1-l2a"] * 2, "sentinel-2-l2a"]
    assert len(found.duplicates) == 2 and found.silent == ()
