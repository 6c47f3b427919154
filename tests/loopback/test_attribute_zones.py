"""Layers fetched from a server with the manners of the real ones, kept as snapshots, used as a register."""

import dataclasses
import datetime as dt
import io
import json
import shutil
import socket
import sys
import zipfile
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from geoserver import GeoServer, Layer, Manners
from selvawatch.core.tables import RIGHT_TYPES
from selvawatch.errors import LayerError, SourceError, StoreError
from selvawatch.register.entries import Fetch, LayerEntry
from selvawatch.register.manifest import Manifest
from selvawatch.register.services.arcgis import arcgis_layer
from selvawatch.register.services.kinds import SERVICES
from selvawatch.register.services.service import Client, LayerRequest
from selvawatch.register.services.wfs import wfs_layer
from selvawatch.register.snapshots import accept, records
from selvawatch.site import Site, default_site
from selvawatch.steps.doctor import examine
from selvawatch.steps.register import (
    all_snapshots,
    check_zones,
    client_for,
    fetch_zones,
    import_zone,
    unchecked_note,
    zones_status,
)
from selvawatch.steps.run.attribute_events import read_zones
from selvawatch.store.folders import Store
from selvawatch.web import guarded
from selvawatch.web.retry import RetryRule

FIRST, SECOND = dt.date(2026, 10, 1), dt.date(2026, 11, 1)
CODES = {
    "type": "coded",
    "codedValues": [{"code": "T", "name": "TITULADO"}, {"code": "P", "name": "TRAMITE"}],
}
FIELDS = [
    {"name": "CODIGOU", "type": "esriFieldTypeString"},
    {"name": "TIT_CONCES", "type": "esriFieldTypeString"},
    {"name": "M_RUC", "type": "esriFieldTypeString"},
    {"name": "FEC_DENU", "type": "esriFieldTypeDate"},
    {"name": "ESTADO", "type": "esriFieldTypeString", "domain": CODES},
    {"name": "LEYENDA", "type": "esriFieldTypeString"},
]


def ring(number, side=0.01):
    west, south = -70.2 + (number % 40) * 0.01, -13.0 + (number // 40) * 0.01
    return [
        [west, south],
        [west, south + side],
        [west + side, south + side],
        [west + side, south],
        [west, south],
    ]


def titles(count):
    return [
        {
            "OBJECTID": 3 * number + 7,
            "CODIGOU": f"01{number:05d}",
            "TIT_CONCES": f"QUISPE MAMANI {number}, JUAN",
            "M_RUC": f"1046{number:07d}",
            "FEC_DENU": -86_400_000 * number,
            "ESTADO": "T" if number % 3 else "P",
            "LEYENDA": "TITULADO" if number % 3 else "TRAMITE",
            "rings": [ring(number)],
        }
        for number in range(count)
    ]


def layer(count=130, **rest):
    return Layer(
        name="Catastro Minero", number=4, features=titles(count), fields=FIELDS, record_limit=50, **rest
    )


@pytest.fixture
def client():
    return Client(contact="tests@example.org", version="0", timeout_s=10, rule=RetryRule(tries=3, wait_s=0))


def request(url, name, folder=Path()):
    return LayerRequest(url=url, layer=name, folder=folder)


def cadastre(url, **fetch):
    return LayerEntry(
        name="mining-cadastre",
        title="Catastro",
        kind="right",
        type="other_right",
        source="INGEMMET",
        licence="cite",
        type_column="LEYENDA",
        types={"TITULADO": "mining", "TRAMITE": "mining_application"},
        id_columns=("CODIGOU",),
        holder_column="TIT_CONCES",
        status_column="LEYENDA",
        applied_column="FEC_DENU",
        open_ended=True,
        listed_is_valid=True,
        fetch=Fetch(
            **{
                "kind": "arcgis",
                "url": url,
                "layer": "Catastro_Minero",
                "max_lost_share": 0.05,
                "drop": ("M_RUC",),
                **fetch,
            }
        ),
    )


def site_with(entry, contact="tests@example.org"):
    manifest = Manifest(layer=(entry,), contact=contact)
    return dataclasses.replace(Site.load(default_site()), manifest=manifest)


def test_all_features_come_by_ranges_of_ids_with_dates_and_labels(client):
    with GeoServer([layer()]) as server:
        frame = arcgis_layer(client, request(server.arcgis, "catastro minero"))
        assert len(frame) == 130
        assert frame["FEC_DENU"].dt.tz_convert(None).min() == dt.datetime(1970, 1, 1) - dt.timedelta(days=129)
        assert set(frame["ESTADO_label"]) == {"TITULADO", "TRAMITE"}
        assert frame.crs.to_epsg() == 4326
        assert not any("resultOffset" in one for one in server.manners.requests)
        assert all(
            one.startswith("Mozilla/5.0") and "tests@example.org" in one for one in server.manners.agents
        )
        assert any("/Público/" in one for one in server.manners.requests)


def test_a_layer_is_found_by_name_after_its_number_moved(client):
    for number in (4, 8):
        moved = dataclasses.replace(layer(), number=number)
        other = Layer(name="Otra", number=12 - number, features=[])
        with GeoServer([other, moved]) as server:
            assert len(arcgis_layer(client, request(server.arcgis, "Catastro Minero"))) == 130
            with pytest.raises(SourceError, match="no such layer"):
                arcgis_layer(client, request(server.arcgis, "Zonas"))


@pytest.mark.parametrize("manners", [{"drop_first": 2}, {"half_answers": 2}])
def test_drops_and_half_answers_are_asked_for_again(client, manners):
    with GeoServer([layer()], Manners(**manners)) as server:
        assert len(arcgis_layer(client, request(server.arcgis, "Catastro Minero"))) == 130


@pytest.mark.parametrize(
    ("manners", "message"),
    [
        ({"lose": 40}, "other features than it listed"),
        ({"down": True}, "does not answer"),
        ({"half_answers": 99}, "no JSON"),
        ({"drop_first": 99}, "does not answer"),
        ({"error_in_reply": "Failed to execute query."}, "refuses.*Failed to execute"),
    ],
)
def test_what_is_not_whole_is_an_error_in_one_line(client, manners, message):
    with GeoServer([layer()], Manners(**manners)) as server:
        with pytest.raises(SourceError, match=message) as caught:
            arcgis_layer(client, request(server.arcgis, "Catastro Minero"))
        assert "\n" not in str(caught.value)


@pytest.fixture
def public_name(monkeypatch):
    """A host of the open internet by its name, which the lookup leads to loopback."""
    monkeypatch.setattr(guarded, "_named", set())
    look_up = socket.getaddrinfo

    def answer(host, *args, **kwargs):
        return look_up("127.0.0.1" if host == "geo.example.org" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return "geo.example.org"


def test_a_service_leads_to_no_private_host_but_the_one_that_its_entry_names(client, tmp_path, public_name):
    with GeoServer([layer()]) as server:
        server.manners.moved = {"/arcgis/": server.root}
        there = server.arcgis.replace("127.0.0.1", public_name)
        (refused,) = fetch_zones(
            site_with(cadastre(there)), Store(tmp_path / "a"), [], date=FIRST, client=client
        )
        assert "redirected to where it may not" in refused.error and "private" in refused.error
        assert [one.split("?")[0] for one in server.manners.requests] == [
            "/arcgis/rest/services/Público/Capa/MapServer"
        ]
        moved = server.arcgis.replace("/arcgis/", "/old/")
        server.manners.moved = {"/old/": server.root}
        (done,) = fetch_zones(
            site_with(cadastre(moved)), Store(tmp_path / "b"), [], date=FIRST, client=client
        )
        assert done.error == "" and done.record.features == 130


def test_a_name_in_a_reply_that_leads_to_a_private_address_is_refused(client, public_name):
    with GeoServer([layer()]) as server:
        server.manners.moved = {"/arcgis/": server.root.replace("127.0.0.1", public_name)}
        with pytest.raises(SourceError, match="leads to a private address"):
            arcgis_layer(client, request(server.arcgis, "Catastro Minero"))


def test_a_service_is_given_the_time_it_asks_for(client, monkeypatch):
    waits = []
    monkeypatch.setattr("selvawatch.web.retry.time.sleep", waits.append)
    with GeoServer([layer()], Manners(busy_first=2, busy_s=7)) as server:
        assert len(arcgis_layer(client, request(server.arcgis, "Catastro Minero"))) == 130
    assert waits == [7.0, 7.0]


def test_a_kind_of_service_is_one_function_and_one_entry(client, tmp_path, monkeypatch):
    asked = []

    def listed_squares(client, request):
        asked.append((request.url, request.layer, request.where))
        rows = [{"CODIGOU": key, "LEYENDA": "TITULADO"} for key in client.get(request.url).decode().split()]
        shapes = [shapely.Polygon(ring(number)) for number in range(len(rows))]
        return gpd.GeoDataFrame(rows, geometry=shapes, crs=4326).assign(TIT_CONCES="X", FEC_DENU=None)

    with pytest.raises(LayerError, match="unknown service"):
        cadastre("http://127.0.0.1:9", kind="squares")
    monkeypatch.setitem(SERVICES, "squares", listed_squares)
    with GeoServer([]) as server:
        server.files = {"list.txt": b"0100001 0100002"}
        url = f"{server.root}/files/list.txt"
        site = site_with(cadastre(url, kind="squares", where="all"))
        (done,) = fetch_zones(site, Store(tmp_path), [], date=FIRST, client=client)
    assert done.error == "" and done.record.features == 2
    assert asked == [(url, "Catastro_Minero", "all")]


def test_wfs_is_paged_and_counted(client):
    with GeoServer([layer()]) as server:
        assert len(wfs_layer(client, request(server.wfs, "Catastro Minero"))) == 130
    with GeoServer([layer()], Manners(lose=3)) as server, pytest.raises(SourceError, match="than it counted"):
        wfs_layer(client, request(server.wfs, "Catastro Minero"))


def test_no_name_of_a_person_reaches_the_disk(client, tmp_path):
    store = Store(tmp_path)
    with GeoServer([layer()]) as server:
        site = site_with(cadastre(server.arcgis))
        (done,) = fetch_zones(site, store, [], date=FIRST, client=client)
    assert done.error == ""
    for path in tmp_path.rglob("*"):
        if path.is_file():
            body = path.read_bytes()
            assert b"QUISPE" not in body, path
            assert b"1046000" not in body, path
    kept = gpd.read_parquet(store.snapshots / "mining-cadastre" / done.record.file)
    assert kept["holder_hash"].str.len().eq(32).all()
    assert set(kept["holder_type"]) == {"natural_person"}
    assert (store.snapshots / ".salt").stat().st_mode & 0o077 == 0


def test_snapshots_become_a_register_with_history(client, tmp_path):
    from selvawatch.register.manifest import read_register

    store = Store(tmp_path)
    served = layer()
    with GeoServer([served]) as server:
        site = site_with(cadastre(server.arcgis))
        fetch_zones(site, store, [], date=FIRST, client=client)
        served.features = [one for one in served.features if one["OBJECTID"] != 10]
        fetch_zones(site, store, [], date=SECOND, client=client)
    register, _ = read_register(
        site.manifest, all_snapshots(site, store), crs=site.grid.crs, equal_area=site.equal_area
    )
    assert len(register) == 130
    gone = register.rights[register.rights["recorded_to"].notna()]
    assert gone["source_key"].tolist() == ["0100001"]
    assert register.layer_dates() == {"mining-cadastre": "2026-11-01"}
    assert register.rights["holder_type"].eq("natural_person").all()


def test_a_failed_fetch_keeps_the_last_snapshot_and_its_age(client, tmp_path):
    store = Store(tmp_path)
    with GeoServer([layer()]) as server:
        site = site_with(cadastre(server.arcgis))
        fetch_zones(site, store, [], date=FIRST, client=client)
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        server.manners.down = True
        (done,) = fetch_zones(site, store, [], date=SECOND, client=client)
    assert "does not answer" in done.error
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    (report,) = zones_status(site, store, today=SECOND)
    assert (report.date, report.age_days, report.state) == (FIRST, 31, "in use")


def test_a_snapshot_that_lost_too_much_is_quarantined_until_accepted(client, tmp_path):
    store = Store(tmp_path)
    served = layer()
    with GeoServer([served]) as server:
        site = site_with(cadastre(server.arcgis))
        fetch_zones(site, store, [], date=FIRST, client=client)
        served.features = served.features[:100]
        (done,) = fetch_zones(site, store, [], date=SECOND, client=client)
    assert done.record.state == "quarantined"
    assert [one.date for one in all_snapshots(site, store)] == [FIRST]
    (report,) = zones_status(site, store, today=SECOND)
    assert "one quarantined" in report.state
    accept(store.snapshots, "mining-cadastre")
    assert [one.date for one in all_snapshots(site, store)] == [FIRST, SECOND]
    with pytest.raises(LayerError, match="nothing is quarantined"):
        accept(store.snapshots, "mining-cadastre")


def test_equal_content_is_kept_once_and_nothing_is_overwritten(client, tmp_path):
    store = Store(tmp_path)
    with GeoServer([layer()]) as server:
        site = site_with(cadastre(server.arcgis))
        for date in (FIRST, SECOND, SECOND):
            fetch_zones(site, store, [], date=date, client=client)
    folder = store.snapshots / "mining-cadastre"
    assert len(list(folder.glob("*.parquet"))) == 1
    assert [one.date for one in records(store.snapshots, "mining-cadastre")] == [
        "2026-10-01",
        "2026-11-01",
    ]


def test_a_snapshot_that_was_changed_on_disk_is_refused(client, tmp_path):
    store = Store(tmp_path)
    with GeoServer([layer()]) as server:
        site = site_with(cadastre(server.arcgis))
        (done,) = fetch_zones(site, store, [], date=FIRST, client=client)
    path = store.snapshots / "mining-cadastre" / done.record.file
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match="not what its record says"):
        all_snapshots(site, store)


def test_a_renamed_column_fails_the_fetch_and_not_the_register(client, tmp_path):
    store = Store(tmp_path)
    served = layer()
    with GeoServer([served]) as server:
        site = site_with(cadastre(server.arcgis))
        fetch_zones(site, store, [], date=FIRST, client=client)
        served.fields = [
            {**one, "name": "CODIGO"} if one["name"] == "CODIGOU" else one for one in served.fields
        ]
        served.features = [
            {("CODIGO" if key == "CODIGOU" else key): value for key, value in one.items()}
            for one in served.features
        ]
        (done,) = fetch_zones(site, store, [], date=SECOND, client=client)
    assert "CODIGOU" in done.error
    assert len(all_snapshots(site, store)) == 1


def test_invalid_rings_are_kept_as_they_came_and_repaired_in_the_register(client, tmp_path):
    store = Store(tmp_path)
    served = layer(3)
    west, south = -70.0, -12.9
    served.features[0]["rings"] = [
        [
            [west, south],
            [west + 0.01, south + 0.01],
            [west + 0.01, south],
            [west, south + 0.01],
            [west, south],
        ]
    ]
    with GeoServer([served]) as server:
        site = site_with(cadastre(server.arcgis))
        fetch_zones(site, store, [], date=FIRST, client=client)
    lines = check_zones(site, store)
    assert any("invalid ring" in line for line in lines), lines


def test_a_zipped_latin_1_shapefile_is_fetched_and_imported(client, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    frame = gpd.GeoDataFrame(
        {"NOMBDIST": ["ÑUÑOA", "HUEPETUHE"], "IDDIST": ["1", "2"]},
        geometry=[shapely.Polygon(ring(0)), shapely.Polygon(ring(1))],
        crs=4326,
    )
    frame.to_file(source / "d.shp", encoding="ISO-8859-1")
    (source / "d.cpg").unlink(missing_ok=True)
    archive = tmp_path / "d.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(source.iterdir()):
            packed.write(path, path.name)
    entry = LayerEntry(
        name="districts", title="Distritos", kind="place", type="district", source="INEI", licence="cite",
        id_columns=("IDDIST",), name_column="NOMBDIST", encoding="ISO-8859-1", open_ended=True,
        listed_is_valid=True,
    )  # fmt: skip
    store = Store(tmp_path / "store")
    record = import_zone(site_with(entry), store, "districts", str(archive), date=FIRST)
    assert record.features == 2
    with GeoServer([]) as server:
        server.files = {"d.zip": archive.read_bytes(), "half.zip": archive.read_bytes()[:200]}
        for name, wanted in (("d.zip", ""), ("half.zip", "half an archive"), ("d.lzh", "unknown archive")):
            fetch = Fetch(kind="archive", url=f"{server.root}/files/{name}", layer="", max_lost_share=0.0)
            site = site_with(dataclasses.replace(entry, fetch=fetch))
            (done,) = fetch_zones(site, store, [], date=SECOND, client=client)
            assert wanted in done.error
            assert bool(done.error) == bool(wanted), done.error
    kept = gpd.read_parquet(store.snapshots / "districts" / record.file)
    assert sorted(kept["NOMBDIST"]) == ["HUEPETUHE", "ÑUÑOA"]


def test_a_service_cannot_make_a_file_of_this_machine_its_answer(client, tmp_path):
    secret = tmp_path / "secret.gpkg"
    rows = {"OBJECTID": [1], "secret": ["x"]}
    frame = gpd.GeoDataFrame(rows, geometry=[shapely.Polygon(ring(0))], crs=4326)
    frame.to_file(secret, layer="a")
    with GeoServer([layer(1)], Manners(leads_to=str(secret))) as server:
        (done,) = fetch_zones(
            site_with(cadastre(server.arcgis)), Store(tmp_path / "store"), [], date=FIRST, client=client
        )
    assert done.error == "" and done.record.features == 1
    kept = gpd.read_parquet(Store(tmp_path / "store").snapshots / "mining-cadastre" / done.record.file)
    assert "CODIGOU" in kept and "secret" not in kept


UNPACKER = """#!{python}
import sys, zipfile
archive, folder = sys.argv[3], sys.argv[5]
content = open(archive, "rb").read()
if b"broken" in content:
    sys.exit("Damaged archive")
with zipfile.ZipFile(archive) as packed:
    packed.extractall(folder)
"""


def rar(frame, folder, more=b""):
    """A made-up archive that begins as a RAR does and that the made-up program above can open."""
    folder.mkdir()
    frame.to_file(folder / "d.shp")
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as packed:
        for path in sorted(folder.iterdir()):
            packed.write(path, path.name)
    return b"Rar!" + more + body.getvalue()


def test_a_rar_is_opened_by_an_installed_program_or_refused_with_what_to_do(client, tmp_path, monkeypatch):
    entry = LayerEntry(
        name="districts", title="Distritos", kind="place", type="district", source="INEI", licence="cite",
        id_columns=("IDDIST",), open_ended=True, listed_is_valid=True,
    )  # fmt: skip
    frame = gpd.GeoDataFrame({"IDDIST": ["1"]}, geometry=[shapely.Polygon(ring(0))], crs=4326)
    tools = tmp_path / "bin"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    store = Store(tmp_path / "store")
    with GeoServer([]) as server:
        server.files = {
            "d.rar": rar(frame, tmp_path / "whole"),
            "broken.rar": rar(frame, tmp_path / "broken", b"broken"),
            "half.rar": b"<html>404",
        }

        def fetched(name):
            fetch = Fetch(kind="archive", url=f"{server.root}/files/{name}", layer="", max_lost_share=0.0)
            site = site_with(dataclasses.replace(entry, fetch=fetch))
            return fetch_zones(site, store, [], date=FIRST, client=client)[0]

        refused = fetched("d.rar").error
        assert "bsdtar" in refused and "zones import" in refused and "apt install" in refused
        assert "\n" not in refused
        (tools / "bsdtar").write_text(UNPACKER.format(python=sys.executable))
        (tools / "bsdtar").chmod(0o755)
        assert "half an archive" in fetched("half.rar").error
        assert "Damaged archive" in fetched("broken.rar").error
        done = fetched("d.rar")
        assert done.error == "" and done.record is not None and done.record.features == 1
    (tmp_path / "d.rar").write_bytes(server.files["d.rar"])
    assert (
        import_zone(site_with(entry), store, "districts", str(tmp_path / "d.rar"), date=SECOND).features == 1
    )
    assert not [path for path in store.folder.rglob("download*")]


def test_only_named_columns_of_a_layer_of_plots_reach_the_disk(tmp_path):
    entry = next(one for one in Site.load(default_site()).manifest.layer if one.name == "farm-plots")
    frame = gpd.GeoDataFrame(
        {"TITULAR": ["QUISPE MAMANI, JUAN"], "DNI": ["40000000"]},
        geometry=[shapely.Polygon(ring(0))],
        crs=4326,
    )
    frame.to_file(tmp_path / "plots.gpkg")
    store = Store(tmp_path / "store")
    record = import_zone(site_with(entry), store, "farm-plots", str(tmp_path / "plots.gpkg"), date=FIRST)
    kept = (store.snapshots / "farm-plots" / record.file).read_bytes()
    assert b"QUISPE" not in kept and b"TITULAR" not in kept and b"40000000" not in kept
    (taken,) = all_snapshots(site_with(entry), store)
    assert taken.layer == "farm-plots"


def test_the_manifest_has_an_entry_for_every_layer_and_says_that_none_is_checked():
    layers = {one.name: one for one in Site.load(default_site()).manifest.layer}
    types = {
        kind
        for one in layers.values()
        for kind in (one.type, *one.types.values(), *one.type_by_pattern.values())
    }
    assert types >= set(RIGHT_TYPES) - {"area", "skip"}
    assert types >= {"road", "river", "scar"}
    assert {
        "permanent-production-forest",
        "regional-conservation-areas",
        "private-conservation-areas",
    } <= set(layers)
    assert {"reserved-zones", "exclusion-zone", "farm-plots", "oil-lots", "reinfo"} <= set(layers)
    assert not any(one.verified for one in layers.values())
    for one in layers.values():
        assert one.fetch is not None or "importar" in one.note, one.name
    assert layers["isolated-peoples"].sensitive
    assert layers["oil-lots"].kind == "aside"


FOREST = ("NOMTIT", "NOMREL", "OBSERV")
NAMING = {
    "mining-cadastre": ("TIT_CONCES", "CONCESION"),
    "reinfo": ("NOMBRE_MIN", "M_RUC"),
    "farm-plots": ("TITULAR", "DNI"),
    "forest-concessions": FOREST,
    "forest-authorizations": FOREST,
    "forest-permits": FOREST,
    "use-cessions": FOREST,
    "local-forests": FOREST,
    "land-use-changes": FOREST,
}
"""Fields of each service that may name a person."""


@pytest.mark.parametrize("name", sorted(NAMING))
def test_no_packaged_layer_of_rights_keeps_a_field_that_may_name_a_person(tmp_path, name):
    site, store = Site.load(default_site()), Store(tmp_path / "store")
    entry = site.manifest.entry(name)
    fields = {one: ["x"] for one in entry.columns}
    for one in (entry.applied_column, entry.from_column, entry.to_column):
        fields |= {one: [dt.datetime(2015, 1, 1)]} if one else {}
    fields |= {entry.ha_column: [1.0]} if entry.ha_column else {}
    fields |= {one: ["QUISPE MAMANI, JUAN"] for one in NAMING[name]}
    frame = gpd.GeoDataFrame(fields, geometry=[shapely.Polygon(ring(0))], crs=4326)
    frame.to_parquet(tmp_path / "layer.parquet")
    import_zone(site, store, name, str(tmp_path / "layer.parquet"), date=FIRST)
    for path in (store.snapshots / name).iterdir():
        assert b"QUISPE" not in path.read_bytes(), path.name
    (kept,) = (store.snapshots / name).glob("*.parquet")
    assert "QUISPE" not in gpd.read_parquet(kept).drop(columns="geometry").to_csv()


HELD = [one.name for one in Site.load(default_site()).manifest.layer if one.holder_column]


def of_entry(entry, **rest):
    """A frame of one row with every column that an entry names, and others."""
    fields = {one: ["x"] for one in entry.columns}
    for one in (entry.applied_column, entry.from_column, entry.to_column):
        fields |= {one: [dt.datetime(2015, 1, 1)]} if one else {}
    fields |= {entry.ha_column: [1.0]} if entry.ha_column else {}
    return gpd.GeoDataFrame(fields | rest, geometry=[shapely.Polygon(ring(0))], crs=4326)


@pytest.mark.parametrize("name", HELD)
def test_fields_of_names_that_nobody_knew_of_do_not_reach_the_store(tmp_path, name):
    site, store = Site.load(default_site()), Store(tmp_path / "store")
    strange = ("TITULAR", "DNI", "observ", "nomrel", "concesion", "REPRESENTANTE")
    frame = of_entry(site.manifest.entry(name), **{one: ["QUISPE MAMANI, JUAN"] for one in strange})
    frame.to_parquet(tmp_path / "layer.parquet")
    import_zone(site, store, name, str(tmp_path / "layer.parquet"), date=FIRST)
    (kept,) = (store.snapshots / name).glob("*.parquet")
    assert "QUISPE" not in gpd.read_parquet(kept).drop(columns="geometry").to_csv()
    assert all_snapshots(site, store)[0].layer == name


@pytest.mark.parametrize("name", HELD)
def test_a_layer_whose_holders_stand_in_an_unknown_column_is_refused(tmp_path, name):
    site, store = Site.load(default_site()), Store(tmp_path / "store")
    entry = site.manifest.entry(name)
    frame = of_entry(entry, TITULAR=["QUISPE MAMANI, JUAN"]).drop(columns=entry.holder_column)
    frame.to_parquet(tmp_path / "layer.parquet")
    with pytest.raises(LayerError, match=f"missing.*{entry.holder_column}"):
        import_zone(site, store, name, str(tmp_path / "layer.parquet"), date=FIRST)
    assert not list(store.folder.rglob("*.parquet"))


def test_fields_to_drop_go_in_any_case_of_letters(tmp_path):
    entry = cadastre("http://127.0.0.1:9")
    frame = of_entry(entry, m_ruc=["10460000001"], ESTADO=["T"])
    frame.to_parquet(tmp_path / "layer.parquet")
    store = Store(tmp_path / "store")
    import_zone(site_with(entry), store, entry.name, str(tmp_path / "layer.parquet"), date=FIRST)
    (kept,) = (store.snapshots / entry.name).glob("*.parquet")
    assert "ESTADO" in gpd.read_parquet(kept) and "m_ruc" not in gpd.read_parquet(kept)


def test_the_name_of_a_private_area_is_in_no_snapshot_and_no_key(tmp_path):
    site, store = Site.load(default_site()), Store(tmp_path / "store")
    name = "private-conservation-areas"
    shapes = [shapely.Polygon(ring(0)), shapely.Polygon(ring(2))]
    frame = gpd.GeoDataFrame({"acp_nomb": ["Predio Quispe Mamani"] * 2}, geometry=shapes, crs=4326)
    frame.to_parquet(tmp_path / "layer.parquet")
    import_zone(site, store, name, str(tmp_path / "layer.parquet"), date=FIRST)
    (kept,) = (store.snapshots / name).glob("*.parquet")
    assert list(gpd.read_parquet(kept).columns) == ["geometry"]
    rights = read_zones(site, store).register.rights
    mine = rights[rights["layer"] == name]
    assert "quispe" not in mine.drop(columns="geometry").to_csv().lower()
    assert mine["right_id"].nunique() == 2


def test_status_and_doctor_say_what_stays_empty_without_a_layer_of_isolated_peoples(tmp_path):
    site, store = Site.load(default_site()), Store(tmp_path)
    assert "stay empty" in unchecked_note(site, store)
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Polygon(ring(0))], crs=4326)
    frame.to_file(tmp_path / "p.gpkg")
    import_zone(site, store, "isolated-peoples", str(tmp_path / "p.gpkg"), date=FIRST, confirmed=True)
    assert unchecked_note(site, store) == ""
    (found,) = [one.text for one in examine(default_site(), str(tmp_path / "none")) if "note" in one.text]
    assert "isolated-peoples" in found


def test_services_are_not_asked_without_saying_who_asks():
    with pytest.raises(LayerError, match="contact"):
        client_for(site_with(cadastre("http://127.0.0.1:9"), contact=""))


MANIFEST = """
contact = "tests@example.org"

[[layer]]
name = "mining-cadastre"
title = "Catastro"
kind = "right"
type = "other_right"
source = "INGEMMET"
licence = "cite"
type_column = "LEYENDA"
types = {{ TITULADO = "mining", TRAMITE = "mining_application" }}
id_columns = ["CODIGOU"]
holder_column = "TIT_CONCES"
applied_column = "FEC_DENU"
open_ended = true
listed_is_valid = true

[layer.fetch]
kind = "arcgis"
url = "{url}"
layer = "Catastro Minero"
drop = ["M_RUC"]
max_lost_share = 0.05

[[layer]]
name = "gone"
title = "Capa que ya no está"
kind = "zone"
type = "buffer"
source = "x"
licence = "x"

[layer.fetch]
kind = "arcgis"
url = "{url}"
layer = "Otra capa"
max_lost_share = 0.05
"""


def test_the_commands_fetch_quarantine_accept_and_tell_in_one_line_a_layer(tmp_path, command):
    shutil.copytree(default_site() / "aoi", tmp_path / "site" / "aoi")
    place = ["--site", tmp_path / "site", "--store", tmp_path / "store"]
    service = layer(count=100)
    with GeoServer([service]) as server:
        manifest = MANIFEST.format(url=server.arcgis)
        (tmp_path / "site" / "aoi" / "zones.toml").write_text(manifest, encoding="utf-8")
        said = command("zones", "fetch", "--date", "2026-10-01", *place)
        assert said.code == 1
        assert "mining-cadastre: 100 features" in said.out
        assert "gone: failed, the last snapshot stays" in said.err
        service.features = titles(80)
        held = command("zones", "fetch", "mining-cadastre", "--date", "2026-11-01", *place)
        assert held.code == 0 and "QUARANTINED: 20.0% of area lost against 2026-10-01" in held.out
    status = command("zones", "status", "--date", "2026-11-11", *place).out
    assert "mining-cadastre: 2026-10-01 (41 days), 100 features, in use, one quarantined" in status
    assert "80 features" in command("zones", "accept", "mining-cadastre", "--store", tmp_path / "store").out
    status = command("zones", "status", "--date", "2026-11-11", *place).out
    assert "mining-cadastre: 2026-11-01 (10 days), 80 features, in use" in status
    again = command("zones", "accept", "mining-cadastre", "--store", tmp_path / "store")
    assert again.code == 1 and "nothing is quarantined" in again.error
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Polygon(ring(0))], crs=4326)
    frame.to_file(tmp_path / "zone.geojson", driver="GeoJSON")
    taken = command("zones", "import", "gone", tmp_path / "zone.geojson", "--date", "2026-11-02", *place)
    assert taken.code == 0 and taken.out.startswith("gone: 1 features")
    assert "remarks" in command("zones", "check", *place).out


def test_status_prints_one_line_a_layer_of_the_packaged_manifest(tmp_path):
    from typer.testing import CliRunner

    from selvawatch.cli.zones import app

    done = CliRunner().invoke(app, ["status", "--store", str(tmp_path), "--date", "2026-10-01", "--json"])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["layer"] for one in lines} >= {"mining-cadastre", "isolated-peoples", "reinfo"}
    assert all(one["state"] == "none" for one in lines)
