"""Which right of a later snapshot is which of the snapshots before, where a layer's keys do not say."""

import re

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.register.entries import LayerEntry

_OUTLINE = re.compile(r"/[0-9a-f]{12}$")
_NUMBER = re.compile(r"#\d+$")


def with_ids_of_before(history: pd.DataFrame, later: gpd.GeoDataFrame, entry: LayerEntry) -> gpd.GeoDataFrame:
    """The rows of a later snapshot, a right that was known before under the id that it had.

    Where a key is that of several rows, or has the outline in it, a row is the one of the key whose outline
    it has, else the one whose ground it shares most of. Without a key it is the one of the same outline, if
    only one of each snapshot has it. What fits none keeps its id, or the next free one.

    history: rows of the layer's earlier snapshots. later: rows of the snapshot, of one layer.
    """
    before = history[~history["right_id"].duplicated(keep="last")]
    keys_before, keys = _keys(before, entry), _keys(later, entry)
    doubtful = set(keys[keys.duplicated(keep=False)]) | set(keys_before[keys_before.duplicated(keep=False)])
    doubtful |= set(keys) if entry.id_with_outline or not entry.id_columns else set()
    if not doubtful:
        return later
    ids, source_keys = (later[name].to_numpy(object).copy() for name in ("right_id", "source_key"))
    rows_of, known_of = _rows_by_key(keys, doubtful), _rows_by_key(keys_before, doubtful)
    known_ids = before["right_id"].to_numpy(object)
    used = set(known_ids) | set(ids)
    for key, rows in rows_of.items():
        known = known_of.get(key, np.zeros(0, np.int64))
        if not len(known):
            continue
        pairs = {}
        if entry.id_columns or (len(rows) == len(known) == 1):
            has_key = bool(entry.id_columns) and set(key) - set("-/") != set()
            pairs = _pairs(later.geometry.to_numpy()[rows], before.geometry.to_numpy()[known], has_key)
        for index, row in enumerate(rows.tolist()):
            if index in pairs:
                ids[row] = known_ids[known[pairs[index]]]
                if entry.id_columns and not entry.id_with_outline:
                    source_keys[row] = before["source_key"].iloc[known[pairs[index]]]
            elif ids[row] in known_ids[known]:
                ids[row] = _free(f"{entry.name}:{key}", used)
                used.add(ids[row])
    return later.assign(right_id=ids, source_key=source_keys).sort_values("right_id").reset_index(drop=True)


def _rows_by_key(keys: pd.Series, wanted: set[str]) -> dict[str, np.ndarray]:
    """Positions of the rows of each of the wanted keys."""
    values = keys.reset_index(drop=True)
    chosen = values[values.isin(wanted).to_numpy()]
    return {str(key): part.index.to_numpy() for key, part in chosen.groupby(chosen, sort=False)}


def _keys(rows: gpd.GeoDataFrame, entry: LayerEntry) -> pd.Series:
    """Key of each row in its source, without what made it unique; the outline where the source has none."""
    if not entry.id_columns:
        outlines = [one.hex() for one in rows.geometry.normalize().to_wkb()]
        return pd.Series(outlines, rows.index, dtype=object)
    keys = rows["source_key"].str.replace(_NUMBER, "", regex=True)
    return keys.str.replace(_OUTLINE, "", regex=True) if entry.id_with_outline else keys


def _pairs(rows: np.ndarray, known: np.ndarray, has_key: bool) -> dict[int, int]:
    """Position of the known outline of each row: the same, or with a key that of most ground."""
    if not has_key:
        return _same_outlines(rows, known)
    shared = shapely.area(shapely.intersection(rows[:, None], known[None, :]))
    same = shapely.equals_exact(shapely.normalize(rows)[:, None], shapely.normalize(known)[None, :])
    score = np.where(same, np.inf, shared)
    found: dict[int, int] = {}
    order = np.argsort(-score, axis=None, kind="stable")
    for row, other in zip(*np.unravel_index(order, score.shape), strict=True):
        is_free = int(row) not in found and int(other) not in found.values()
        fits = score[row, other] > 0 or score.size == 1
        if is_free and fits:
            found[int(row)] = int(other)
    return found


def _same_outlines(rows: np.ndarray, known: np.ndarray) -> dict[int, int]:
    """Position of the same known outline of each row that has one, each once."""
    places: dict[bytes, list[int]] = {}
    for position, outline in enumerate(shapely.to_wkb(shapely.normalize(known)).tolist()):
        places.setdefault(outline, []).append(position)
    found = {}
    for row, outline in enumerate(shapely.to_wkb(shapely.normalize(rows)).tolist()):
        if places.get(outline):
            found[row] = places[outline].pop(0)
    return found


def _free(name: str, used: set[str]) -> str:
    """The next free id of a key."""
    number = 2
    while f"{name}#{number}" in used:
        number += 1
    return f"{name}#{number}"
