"""Rights over the same ground: pairs with their order, and the conflict share of the corridor."""

import numpy as np
import pandas as pd

from selvawatch.attribute.accountings import KEPT_ASIDE, OWNED_TYPES
from selvawatch.attribute.describe import nearest
from selvawatch.attribute.loss.loss_in_periods import dating_of, possible_days
from selvawatch.attribute.seniority import MINING, begin_days
from selvawatch.attribute.touches import only_touch
from selvawatch.core.days import day_numbers
from selvawatch.core.schema import Tier, column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.register.dating.timelines import timelines
from selvawatch.tables.base import PublicForm, TableInputs, TableSpec, counted_pieces, settings_of
from selvawatch.tables.rights_by_face import (
    NEVER,
    REGISTER,
    THREE,
    districts_of_faces,
    face_rights,
    need_faces,
    of_register,
    rows_under,
)
from selvawatch.tables.single_rights import DISTRICT, RIGHTS_N, joined_rows, nullable, refuse_area
from selvawatch.tables.wording.explanations import share_of


def overlap_conflicts(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Pairs of rights over the same ground: hectares, which came first, by how much, loss before and after.

    The senior right began (application, else first day in force) before the junior; where either day is
    unknown, so is the order, and the pair stands in order of its ids.
    """
    rights = inputs.register.rights
    begun, pairs = begin_days(inputs.register), _pairs(inputs)
    keys = ["right_a", "right_b"]
    table = pairs.groupby(keys, as_index=False).agg(ha=("ha", "sum"), order_known=("order_known", "first"))
    for side, key in (("senior", "right_a"), ("junior", "right_b")):
        table[f"begin_{side}"] = begun[table[key]]
        for name, source in (("right", "right_id"), ("type", "type"), ("holder", "holder_type")):
            table[f"{name}_{side}"] = rights[source].to_numpy(object)[table[key]]
    table = table.merge(_loss_in_pairs(inputs, options, pairs, keys), on=keys, how="left")
    table[_SUMS] = table[_SUMS].fillna(0.0)
    dated = (table["begin_senior"] < NEVER) & (table["begin_junior"] < NEVER)
    lag = (table["begin_junior"] - table["begin_senior"]).where(dated)
    table["lag_days"] = lag.astype("Int64")
    for side in ("senior", "junior"):
        days = table[f"begin_{side}"].where(table[f"begin_{side}"] < NEVER)
        table[f"begin_{side}"] = pd.to_datetime(days, unit="D").astype("datetime64[ms]")
    table["coexisted"] = _coexisted(inputs, table["right_a"].to_numpy(), table["right_b"].to_numpy())
    table["ha_lo"] = table["ha_hi"] = table["ha"]
    table = table.sort_values(["ha", "right_senior", "right_junior"], ascending=[False, True, True])
    return table.drop(columns=["right_a", "right_b"]).reset_index(drop=True).assign(**of_register(inputs))


def overlap_conflicts_public(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Pairs of rights over the same ground by their two types and district, none of them told of alone.

    The types stand in the order of each pair: of the earlier and the later right, or of their ids.
    """
    refuse_area(options, "overlap_conflicts")
    rights, pairs = inputs.register.rights, _pairs(inputs)
    keys = ["right_a", "right_b", "district"]
    pairs = pairs.assign(district=districts_of_faces(inputs, need_faces(inputs))[pairs["face"].to_numpy()])
    rows = pairs.groupby(keys, as_index=False).agg(ha=("ha", "sum"))
    rows = rows.merge(_loss_in_pairs(inputs, options, pairs, keys), on=keys, how="left")
    rows[_SUMS] = rows[_SUMS].fillna(0.0)
    kinds, ids = rights["type"].to_numpy(object), rights["right_id"].to_numpy(object)
    sides = [rows[key].to_numpy(np.int64) for key in ("right_a", "right_b")]
    rows["type"] = [_PAIRED.join(kinds[[first, other]]) for first, other in zip(*sides, strict=True)]
    rows["pair"] = [_PAIRED.join(ids[[first, other]]) for first, other in zip(*sides, strict=True)]
    members = pd.concat([rows[["type", "district", "pair"]].assign(right=ids[side]) for side in sides])
    rows["ha_lo"] = rows["ha_hi"] = rows["ha"]
    counted = {"pairs_n": "pair", "rights_n": "right"}
    values = rows[["type", "district", "ha", "ha_lo", "ha_hi", *_SUMS]]
    table = joined_rows(members, values, counted, inputs.least_rights)
    sorts = [str(kind).split(_PAIRED) for kind in table.pop("type")]
    table.insert(0, "type_senior", np.array([kind[0] for kind in sorts], object))
    table.insert(1, "type_junior", np.array([kind[-1] for kind in sorts], object))
    return table.assign(additive=False, **of_register(inputs))


_PAIRED = "\n"
"""Between the two types, or ids, of a pair: in none of them."""

_SUMS = ["loss_before", "loss_after", "loss_mining_before", "loss_mining_after", "loss_undated"]


def _pairs(inputs: TableInputs) -> pd.DataFrame:
    """face, ha, right_a (earlier), right_b and order_known of every pair of rights that overlap on a face."""
    rights = inputs.register.rights
    rows = face_rights(inputs, need_faces(inputs))[["face", "right", "ha"]]
    by_id = np.argsort(np.argsort(rights["right_id"].to_numpy(str), kind="stable"), kind="stable")
    pairs = rows.merge(rows[["face", "right"]], on="face", suffixes=("_a", "_b"))
    pairs = pairs[by_id[pairs["right_a"]] < by_id[pairs["right_b"]]]
    pairs = pairs[~only_touch(need_faces(inputs), pairs["right_a"].to_numpy(), pairs["right_b"].to_numpy())]
    begun = begin_days(inputs.register)
    begin_a, begin_b = begun[pairs["right_a"]], begun[pairs["right_b"]]
    known = (begin_a < NEVER) & (begin_b < NEVER)
    swap = known & (begin_b < begin_a)
    first, second = pairs["right_a"].to_numpy(), pairs["right_b"].to_numpy()
    pairs["right_a"], pairs["right_b"] = np.where(swap, second, first), np.where(swap, first, second)
    pairs["order_known"] = known & (begin_a != begin_b)
    return pairs[["face", "ha", "right_a", "right_b", "order_known"]]


def corridor_conflict_share(inputs: TableInputs, _options: TableOptions) -> pd.DataFrame:
    """Share of the corridor's mining rights over another land-use right, and of the rest near water.

    Salo et al. (2016) report 74 %, and the other 26 % mostly near water, for June 2014. Which rights and
    thresholds were meant is not said: one row for each threshold, for titles alone and with applications.
    """
    faces = need_faces(inputs)
    rows = face_rights(inputs, faces, today=True)
    mining = rows_under(inputs, faces, rows[rows["type"].isin(MINING)], "corridor")
    others = rows[~rows["type"].isin([*MINING, *KEPT_ASIDE])]
    total = mining.groupby("right_id")["ha"].sum()
    shared = mining.merge(others, on=["face", "area", "ha"], suffixes=("", "_other"))
    shared = shared[~only_touch(faces, shared["right"].to_numpy(), shared["right_other"].to_numpy())]
    per_pair = shared.groupby(["right_id", "right_id_other"])["ha"].sum()
    near = water_distance(inputs, mining)
    records = []
    for label, kinds in (("titles", ("mining",)), ("titles and applications", MINING)):
        ids = mining[mining["type"].isin(kinds)].drop_duplicates("right_id")["right_id"]
        for least_ha, least_share in zip(
            settings_of(inputs).conflict_least_ha, settings_of(inputs).conflict_least_share, strict=True
        ):
            part = per_pair[per_pair.index.get_level_values("right_id").isin(ids)]
            right_ha = total.reindex(part.index.get_level_values("right_id")).to_numpy()
            strong = part[(part.to_numpy() > least_ha) | (part.to_numpy() > least_share * right_ha)]
            with_other = set(strong.index.get_level_values("right_id"))
            rest = [one for one in ids if one not in with_other]
            record = {
                "rights": label,
                "least_ha": least_ha,
                "least_share": least_share,
                "n": len(ids),
                "overlapping_n": len(with_other),
                "share": len(with_other) / len(ids) if len(ids) else np.nan,
                "share_of": share_of("corridor-titles" if label == "titles" else "corridor-all"),
                "ha": float(total.reindex(ids).sum()),
            }
            for metres in settings_of(inputs).water_m:
                close = [one for one in rest if near.get(one, np.inf) < metres]
                known = bool(near) or not rest
                record[f"rest_within_{metres:g}_m"] = len(close) / len(rest) if rest and known else np.nan
            records.append(record)
    table = _without_the_unknown(pd.DataFrame(records), inputs)
    table["ha_lo"] = table["ha_hi"] = table["ha"]
    return with_water_layers(table.assign(**of_register(inputs)), inputs)


def _without_the_unknown(table: pd.DataFrame, inputs: TableInputs) -> pd.DataFrame:
    """The rows without numbers that no layer at hand today can tell, and the kind of layer in `share_of`."""
    table[_COUNTS] = table[_COUNTS].astype("Int64")
    today = np.array([inputs.pieces.today])
    others = [kind for kind in OWNED_TYPES if kind not in MINING]
    needed = {"corridor": ("corridor",), "mining": ("mining",), "other rights": others}
    absent = [
        name
        for name, kinds in needed.items()
        if not any(inputs.register.could_hold(kind, today)[0] for kind in kinds)
    ]
    if not absent:
        return table
    rest = [name for name in table.columns if name.startswith("rest_within_")]
    emptied = ["overlapping_n", "share", *rest, *(["n", "ha"] if absent != ["other rights"] else [])]
    table = table.assign(**{name: table[name].mask(np.ones(len(table), bool)) for name in emptied})
    return table.assign(share_of=share_of("no-layer", {"types": ", ".join(absent)}))


_COUNTS = ["n", "overlapping_n"]
"""Columns that count mining rights."""


def corridor_conflict_share_public(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """The same, empty where it would tell of few mining rights: of one count, or by the difference of two."""
    table = corridor_conflict_share(inputs, options)
    titles = (table["rights"] == "titles").to_numpy()
    count = table["n"].fillna(0).to_numpy(np.int64)
    few = (count > 0) & (count < inputs.least_rights)
    more = count[~titles].max(initial=0) - count[titles].max(initial=0)
    few |= titles & (0 < more < inputs.least_rights)
    shown = ("rights", "least_ha", "least_share", "share_of")
    register = of_register(inputs)
    emptied = [name for name in table.columns if name not in (*shown, *register)]
    for name in emptied:
        table[name] = table[name].mask(few)
    return table


def _coexisted(inputs: TableInputs, first: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether two rights were in force together on any day, by their dates: yes, no or unknown."""
    rights = inputs.register.rights
    line, ids = timelines(rights), pd.factorize(rights["right_id"])[0]
    rows = pd.DataFrame({"id": ids, "from": line.starts, "to": line.ends, "sure": line.known})
    pairs = pd.DataFrame({"pair": np.arange(len(first)), "id": ids[first], "id_other": ids[other]})
    pairs = pairs.merge(rows, on="id").merge(rows.add_suffix("_other"), on="id_other")
    pairs = pairs[pairs[["from", "from_other"]].max(axis=1) < pairs[["to", "to_other"]].min(axis=1)]
    found = np.full(len(first), "no", object)
    found[pairs["pair"].to_numpy()] = "unknown"
    found[pairs["pair"][pairs["sure"] & pairs["sure_other"]].to_numpy()] = "yes"
    return found


def _loss_in_pairs(
    inputs: TableInputs, options: TableOptions, pairs: pd.DataFrame, keys: list[str]
) -> pd.DataFrame:
    """Loss on the ground of each pair before and from the junior's first day.

    Loss within a span over that day is undated here.
    """
    frame = inputs.pieces.frame[counted_pieces(inputs, options)]
    undated, is_span = frame["onset"].isna().to_numpy(), dating_of(frame) == "span"
    onset, (first, last) = day_numbers(frame["onset"], NEVER), possible_days(frame)
    pieces = pd.DataFrame(
        {
            "face": frame["face"],
            "loss": frame["ha"],
            "mining": frame["ha"] * (frame["cause"] == "mining"),
            "first": np.where(undated, NEVER, np.where(is_span, first, onset)),
            "last": np.where(undated, NEVER, np.where(is_span, last, onset)),
        }
    )
    rows = pairs[["face", *keys, "order_known"]].merge(pieces, on="face")
    begin = begin_days(inputs.register)[rows["right_b"]]
    known = rows["order_known"] & (rows["first"] < NEVER)
    before, after = known & (rows["last"] < begin), known & (rows["first"] >= begin)
    dated = before | after
    parts = {
        "loss_before": rows["loss"] * before,
        "loss_after": rows["loss"] * after,
        "loss_mining_before": rows["mining"] * before,
        "loss_mining_after": rows["mining"] * after,
        "loss_undated": rows["loss"] * ~dated,
    }
    return rows[keys].assign(**parts).groupby(keys, as_index=False).sum()


def with_water_layers(table: pd.DataFrame, inputs: TableInputs) -> pd.DataFrame:
    """The table with the layers of rivers and water in `layer_dates`; without any, with `rivers=none`."""
    found = inputs.references
    named = [] if found is None else [one["layer"] for one in (found.rivers, found.water) if "layer" in one]
    dates = {} if found is None else dict(found.dates)
    layers = sorted({name for names in named for name in names} & set(dates))
    texts = [f"{name}={dates[name].isoformat()}" for name in layers]
    if not has_water(inputs) and "rivers" not in inputs.lacking:
        texts = ["rivers=none"]
    return table.assign(layer_dates=[" ".join([old, *texts]).strip() for old in table["layer_dates"]])


def has_water(inputs: TableInputs) -> bool:
    """Whether a layer of rivers or water is at hand."""
    found = inputs.references
    return found is not None and len(found.rivers) + len(found.water) > 0


def water_distance(inputs: TableInputs, mining: pd.DataFrame) -> dict[str, float]:
    """Metres from each mining right to rivers and water; empty without such layers."""
    if inputs.references is None or not has_water(inputs):
        return {}
    water = np.concatenate(
        [inputs.references.rivers.geometry.to_numpy(), inputs.references.water.geometry.to_numpy()]
    )
    titles = mining.drop_duplicates("right_id")
    shapes = inputs.register.rights.geometry.to_numpy()[titles["right"].to_numpy()]
    return dict(zip(titles["right_id"], nearest(np.asarray(shapes, object), water), strict=True))


_LOSS = columns(
    column("loss_before", "float", "Loss on the shared ground before the later right began.", unit="ha"),
    column("loss_after", "float", "Loss on the shared ground since the later right began.", unit="ha"),
    column(
        "loss_mining_before", "float", "Of the loss before the later right began, what is mining.", unit="ha"
    ),
    column(
        "loss_mining_after", "float", "Of the loss since the later right began, what is mining.", unit="ha"
    ),
    column("loss_undated", "float", "Loss where the order or day is unknown.", unit="ha"),
)

_CORRIDOR = columns(
    column("rights", "text", "Which mining rights the row counts."),
    column("least_ha", "float", "Hectares above which an overlap counts as one.", unit="ha"),
    column("least_share", "float", "Share of the right above which an overlap counts as one, 0 to 1."),
    column("n", "int", "How many mining rights the row counts.", nullable=True),
    column("overlapping_n", "int", "Of these, over another right.", nullable=True),
    column("share", "float", "Part of what `share_of` names, 0 to 1.", nullable=True),
    column("share_of", "text", "What the share is a share of."),
    (
        column(f"rest_within_{metres}_m", "float", "Share of the others so near to water.", nullable=True)
        for metres in (50, 100, 500)
    ),
    nullable(THREE),
    REGISTER,
)


SPECS = (
    TableSpec(
        name="overlap_conflicts",
        description="Pairs of rights over the same ground, with seniority and loss before and after.",
        build=overlap_conflicts,
        uses=("area",),
        of_types=OWNED_TYPES,
        columns=columns(
            column("right_senior", "text", "Id of the right that began earlier.", tier=Tier.RESTRICTED),
            column("right_junior", "text", "Id of the right that began later.", tier=Tier.RESTRICTED),
            column("type_senior", "text", "Type of the right that began earlier."),
            column("type_junior", "text", "Type of the right that began later."),
            column(
                "begin_senior",
                "date",
                "First day in force of the earlier right, or its application.",
                nullable=True,
            ),
            column(
                "begin_junior",
                "date",
                "First day in force of the later right, or its application.",
                nullable=True,
            ),
            column("order_known", "bool", "Whether it is known which of the two rights came first."),
            column("coexisted", "text", "Whether both were in force on a day."),
            column(
                "lag_days",
                "int",
                "Days from the beginning of the earlier right to that of the later one.",
                unit="day",
                nullable=True,
            ),
            THREE,
            _LOSS,
            column(
                "holder_senior", "text", "What kind of holder the earlier right has.", tier=Tier.RESTRICTED
            ),
            column("holder_junior", "text", "What kind of holder the later right has.", tier=Tier.RESTRICTED),
            REGISTER,
        ),
        notes=("Not additive: ground under three rights stands in three pairs.",),
        public=PublicForm(
            build=overlap_conflicts_public,
            columns=columns(
                column("type_senior", "text", "Type of the right that began earlier."),
                column("type_junior", "text", "Type of the right that began later."),
                DISTRICT,
                column(
                    "pairs_n",
                    "int",
                    "Pairs of rights that the row tells of together; empty: too few to tell of.",
                    nullable=True,
                ),
                RIGHTS_N,
                nullable(THREE),
                nullable(_LOSS),
                column(
                    "additive",
                    "bool",
                    "Whether rows may be added up; if not, rights or zones overlap in them.",
                ),
                REGISTER,
            ),
        ),
    ),
    TableSpec(
        name="corridor_conflict_share",
        description="Share of the corridor's mining rights over another right (Salo et al. 2016: 74 %).",
        build=corridor_conflict_share,
        columns=_CORRIDOR,
        public=PublicForm(build=corridor_conflict_share_public, columns=_CORRIDOR),
    ),
)
