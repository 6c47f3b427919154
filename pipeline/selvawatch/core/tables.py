"""The one table of columns: name, type, unit, tier and meaning of every table."""

from selvawatch.core.schema import Column, Table, Tier, column, columns

__all__ = [
    "ALERTS",
    "AREAS_OF_RIGHTS",
    "CAUSES",
    "CELLS",
    "CHANGES",
    "CI_METHODS",
    "CONCESSION_TYPES",
    "CONFIDENCES",
    "EVENTS",
    "FOREST_KINDS",
    "HOLDER_TYPES",
    "INTERVAL",
    "IN_OUT",
    "LEGAL_CONTEXTS",
    "LOSS_PRODUCT",
    "NEAR_WATER",
    "PROTECTED",
    "RIGHTS",
    "RIGHT_KINDS",
    "RIGHT_TYPES",
    "SITE_CATEGORIES",
    "STATUSES",
    "TABLES",
    "VERDICTS",
    "YES_NO",
    "Column",
    "Table",
    "Tier",
    "columns",
]

STATUSES = ("provisional", "confirmed", "withdrawn", "closed")
CONFIDENCES = ("low", "high", "highest")
CAUSES = ("mining", "agriculture", "road", "river", "natural", "unknown")
CHANGES = ("new", "grown", "merged", "reduced", "confirmed", "closed", "reclassified", "withdrawn", "stable")
RIGHT_KINDS = ("right", "zone", "aside", "place")
CONCESSION_TYPES = (
    "mining",
    "mining_application",
    "timber",
    "brazil_nut",
    "other_non_timber",
    "ecotourism",
    "conservation",
    "reforestation",
    "wildlife",
)
"""Types of right that are concessions or asked to be."""
RIGHT_TYPES = (
    *CONCESSION_TYPES,
    "native_community",
    "farm_plot",
    "other_right",
    "protected_core",
    "buffer",
    "corridor",
    "exclusion",
    "water_margin",
    "isolated_peoples",
    "other_zone",
    "oil_lot",
    "area",
    "district",
)
HOLDER_TYPES = ("natural_person", "company", "community", "state", "unknown")
VERDICTS = ("mining", "other-loss", "no-loss", "not-reached")
"""What a person may answer on an alert, who went there or judged pictures of it."""
IN_OUT = ("in", "out", "unknown")
YES_NO = ("yes", "no", "unknown")
PROTECTED = ("core", "buffer", "out", "unknown")
NEAR_WATER = ("in_water", "under_50_m", "under_100_m", "under_500_m", "far", "unknown")
FOREST_KINDS = ("primary", "secondary", "mixed", "unknown")
SITE_CATEGORIES = ("I", "II", "III", "IV", "undetermined")
LEGAL_CONTEXTS = (
    "prohibited_area",
    "allowed_area_title_in_force",
    "allowed_area_no_title",
    "undetermined",
)

_P = Tier.PARTNER

_R = Tier.RESTRICTED

_WHEN = (
    column("onset", "date", "Day of the first observation that shows the loss, by the first detection."),
    column(
        "onset_earliest",
        "date",
        "Last usable observation before it, of the pixels already lost then; empty: not known.",
        nullable=True,
    ),
    column("onset_latest", "date", "The same day as the onset: the loss began by then."),
)

LOSS_PRODUCT = column(
    "loss_product", "text", "Whose loss: name and version of the product. Never mix two in one series."
)
"""First column of every table of loss, and a column of alerts."""
CI_METHODS = ("not_estimated", "stratified", "modelled")
"""How an interval of hectares was made: not at all, by the design of a stratified reference sample, or from
what made-up worlds say of rims, omission and commission (`events.hectares.interval`).
"""
INTERVAL = (
    column(
        "ha_ci_lo",
        "float",
        "Lower end of an interval of the area, 95 % or 90 % as `ci_method` says; empty: there is none.",
        unit="ha",
        nullable=True,
    ),
    column(
        "ha_ci_hi",
        "float",
        "Upper end of an interval of the area, 95 % or 90 % as `ci_method` says; empty: there is none.",
        unit="ha",
        nullable=True,
    ),
    column(
        "ci_method",
        "text",
        "How that interval was made; not_estimated: there is none, and `ha_lo`, `ha_hi` are none either.",
        choices=CI_METHODS,
    ),
)
"""The interval beside `ha_lo` and `ha_hi`, which bound pixels and days and tell of no error."""

AREAS_OF_RIGHTS = (
    column(
        "ha_legal",
        "float",
        "Hectares that the right's document grants; empty: the layer does not say.",
        unit="ha",
        nullable=True,
    ),
    column(
        "ha_register",
        "float",
        "Hectares that its register measured, mostly planar in UTM; empty: the layer does not say.",
        unit="ha",
        nullable=True,
    ),
    column(
        "ha_here",
        "float",
        "Hectares of its outline as every table counts them: in the site's equal-area projection.",
        unit="ha",
    ),
)
"""The three areas of a right, which differ: law, register, and here."""

EVENTS = Table(
    name="events",
    description="Things on the ground: tracked patches of forest loss.",
    columns=columns(
        column("event_id", "text", "Stable id of the event."),
        column("version", "int", "Version of the event, from 1; each published change adds one."),
        column(
            "status",
            "text",
            "Status of the event: provisional, confirmed, closed or withdrawn.",
            choices=STATUSES,
        ),
        column("confidence", "text", "How sure the event is: low, high or highest.", choices=CONFIDENCES),
        column("change", "text", "Change against the version before.", choices=CHANGES),
        column(
            "withdrawn_reason",
            "text",
            "Code of the reason why it was withdrawn; empty: it was not.",
            nullable=True,
        ),
        column(
            "merged_from",
            "text",
            "Ids of events that merged into this one, separated by spaces.",
            nullable=True,
        ),
        column("first_detected", "date", "Day of the first provisional pixel."),
        column(
            "confirmed_on",
            "date",
            "Day of the first confirmed pixel, not before the first detection.",
            nullable=True,
        ),
        _WHEN,
        column("last_grown", "date", "Latest onset of a pixel of the event."),
        column("ha", "float", "Area of all pixels of the event.", unit="ha"),
        column("ha_lo", "float", "Confirmed pixels of the event alone; no error interval.", unit="ha"),
        column(
            "ha_hi", "float", "All its pixels and a rim of half a pixel around; no error interval.", unit="ha"
        ),
        column(
            "ha_subpixel",
            "float",
            "Area with the rim's pixels by the share of them that was lost, also where little; empty:"
            " withdrawn, or too little measured.",
            unit="ha",
            nullable=True,
        ),
        column("looks", "int", "Days with a usable observation since the onset (median over pixels)."),
        column("sensors", "text", "Sensors that looked since the onset, separated by spaces."),
        column(
            "chance",
            "float",
            "Chance of a provisional event to be confirmed within 60 days, 0 to 1; empty: not provisional, or"
            " not known.",
            nullable=True,
        ),
        column(
            "cause",
            "text",
            "Published cause of the loss: what it looks like, never who did it.",
            choices=CAUSES,
        ),
        column("mining_probability", "float", "Probability that the cause is mining."),
        column("cause_reasons", "text", "Codes of the reasons for the cause, separated by spaces."),
        column("lon", "float", "Longitude of a point inside.", unit="degree", tier=_R),
        column("lat", "float", "Latitude of a point inside.", unit="degree", tier=_R),
        column("utm_e", "float", "Easting of that point in the site's CRS.", unit="m", tier=_R),
        column("utm_n", "float", "Northing of that point in the site's CRS.", unit="m", tier=_R),
        column("geometry", "geometry", "Outline in the site's pixel CRS.", tier=_R),
    ),
)

CELLS = Table(
    name="cells",
    description="Loss cells: the pixels of one event that share one onset; what the tables add up.",
    columns=columns(
        column("cell_id", "text", "Event id and onset day."),
        column("event_id", "text", "Id of the event that the cell belongs to."),
        column(
            "status",
            "text",
            "Status of the cell's pixels: provisional, confirmed or closed.",
            choices=STATUSES,
        ),
        column(
            "cause",
            "text",
            "Published cause of the event: what it looks like, never who did it.",
            choices=CAUSES,
        ),
        column("mining_probability", "float", "Probability that the cause is mining."),
        column("onset", "date", "Day on which these pixels were lost."),
        column("onset_earliest", "date", "Last clear observation before.", nullable=True),
        column("onset_latest", "date", "First observation after."),
        column("ha", "float", "Area of the pixels, in the equal-area projection.", unit="ha"),
        column("geometry", "geometry", "Pixels as polygons in the site's pixel CRS.", tier=_R),
    ),
)

RIGHTS = Table(
    name="rights",
    description="The register: one row for each version of each right or zone.",
    columns=columns(
        column("right_id", "text", "Stable id: layer and key of the source.", tier=_R),
        column(
            "kind",
            "text",
            "A right, a zone (regime), a layer kept aside, or a place (area, district).",
            choices=RIGHT_KINDS,
        ),
        column("type", "text", "Type of the right or zone.", choices=RIGHT_TYPES),
        column("subtype", "text", "What the source calls this type of right or zone.", nullable=True),
        column("name", "text", "Name of a zone or community; never that of a natural person.", nullable=True),
        column("layer", "text", "Layer of the register that holds it."),
        column("source", "text", "Who publishes the layer it comes from."),
        column("source_key", "text", "Key of the row in its source.", tier=_R),
        column(
            "holder_type",
            "text",
            "What kind of holder: natural_person, company, community, state or unknown.",
            choices=HOLDER_TYPES,
            tier=_R,
        ),
        column("holder_hash", "text", "Salted hash of the holder's name.", nullable=True, tier=_R),
        column("status", "text", "Status as the source states it.", nullable=True),
        column("applied_on", "date", "Day of the application.", nullable=True),
        column("valid_from", "date", "First day in force; unknown where empty.", nullable=True),
        column(
            "valid_to", "date", "First day no longer in force; open or unknown where empty.", nullable=True
        ),
        column(
            "dates_known",
            "bool",
            "Whether the dates say when it was in force; if not, between its dates that is unknown.",
        ),
        column(
            "listed_is_valid",
            "bool",
            "Whether to stand in the layer on a day means to be in force that day (undated zones).",
        ),
        column("recorded_from", "date", "First snapshot with this version."),
        column(
            "recorded_to",
            "date",
            "First snapshot without this version; empty: it stands in the latest.",
            nullable=True,
        ),
        column(
            "document",
            "text",
            "Legal document that the right or zone rests on, as its source cites it.",
            nullable=True,
            tier=_P,
        ),
        AREAS_OF_RIGHTS,
        column("snapshot_date", "date", "Day the layer was taken."),
        column("snapshot_sha256", "text", "Digest (sha256) of the snapshot's file."),
        column("geometry", "geometry", "Polygon in the site's pixel CRS.", tier=_R),
    ),
)

ALERTS = Table(
    name="alerts",
    description="Published versions of events, with the rights and zones they lie in.",
    columns=columns(
        column("alert_id", "text", "Event id and version, as `E.vN`."),
        EVENTS.columns,
        INTERVAL,
        LOSS_PRODUCT,
        column("rank", "int", "Place in the ranking of its run, from 1, among the rows of this tier."),
        column("score", "float", "Score of the ranking, 0 to 100."),
        column("rank_reasons", "text", "Codes of the reasons, separated by spaces."),
        column("area_name", "text", "Area of interest that most of the event lies in.", nullable=True),
        column(
            "district",
            "text",
            "District that the ground lies in, by today's outlines; none: in none.",
            nullable=True,
        ),
        column("ubigeo", "text", "Official code (INEI) of the district.", nullable=True),
        column("exclusive_class", "text", "Type with most ground by the priority scale, at the loss."),
        column("exclusive_share", "float", "Share of the ground in that type."),
        column(
            "exclusive_class_today",
            "text",
            "Type with most ground by the priority scale, with the rights of today.",
        ),
        column("combination", "text", "Types over the largest part, joined by +, at the loss."),
        column(
            "combination_today", "text", "Types over the largest part, joined by +, with the rights of today."
        ),
        column("overlap_n", "int", "Rights on the ground at the loss."),
        column(
            "overlap_list",
            "text",
            "Ids of the rights on the ground at the loss, separated by spaces (`right_id`).",
            nullable=True,
            tier=_R,
        ),
        column("concession_type", "text", "Types of concession on the ground at the loss.", nullable=True),
        column(
            "concession_code",
            "text",
            "Codes of the concessions on the ground at the loss.",
            nullable=True,
            tier=_R,
        ),
        column(
            "concession_status",
            "text",
            "Status of these concessions, as their source states it.",
            nullable=True,
            tier=_P,
        ),
        column(
            "holder_types",
            "text",
            "What kinds of holder the rights on the ground have, separated by spaces.",
            nullable=True,
            tier=_R,
        ),
        column(
            "site_category",
            "text",
            "Site proxy of the planetGOLD category: a place, not an operator.",
            choices=SITE_CATEGORIES,
            tier=_P,
        ),
        column("zones", "text", "Types of zone on it, separated by spaces.", nullable=True),
        column(
            "corridor",
            "text",
            "Whether most of the ground lies in the mining corridor; unknown: no layer says.",
            choices=IN_OUT,
        ),
        column(
            "protected",
            "text",
            "Whether it lies in a protected core, in a buffer, or out; unknown: no layer says.",
            choices=PROTECTED,
        ),
        column("protected_name", "text", "Name of the protected area that it lies in.", nullable=True),
        column(
            "in_native_community",
            "text",
            "Whether ground of it lies in a native community; unknown: no layer says.",
            choices=IN_OUT,
        ),
        column(
            "native_community",
            "text",
            "Name of the native community that it lies in.",
            nullable=True,
            tier=_P,
        ),
        column(
            "isolated_peoples",
            "text",
            "Within the guarded distance of a reserve of isolated peoples.",
            choices=YES_NO,
            tier=_R,
        ),
        column(
            "oil_lot",
            "text",
            "Whether ground of it lies in an oil lot; unknown: no layer says.",
            choices=IN_OUT,
        ),
        column("legal_context", "text", "What dated rules say of the place.", choices=LEGAL_CONTEXTS),
        column(
            "legal_rules",
            "text",
            "Ids of the rules that apply to the ground, separated by spaces.",
            nullable=True,
        ),
        column("legal_citation", "text", "Citations of the rules that apply, joined by `; `.", nullable=True),
        column("legal_verified", "bool", "Whether every rule used was checked."),
        column(
            "near_water",
            "text",
            "How near the ground lies to water of the year of loss; unknown: no layer says.",
            choices=NEAR_WATER,
        ),
        column(
            "remining",
            "text",
            "Mining again in an old scar; unknown: no earlier mining ground at hand.",
            choices=YES_NO,
        ),
        column(
            "forest",
            "text",
            "Primary forest, secondary growth or both; unknown: no layer of primary forest of before says.",
            choices=FOREST_KINDS,
        ),
        column("distance_road_m", "float", "Distance to the nearest road.", unit="m", nullable=True),
        column(
            "road_km",
            "float",
            "Kilometre of the nearest road, between checked marks.",
            unit="km",
            nullable=True,
        ),
        column("distance_river_m", "float", "Distance to the nearest river.", unit="m", nullable=True),
        column(
            "distance_reserve_m", "float", "Distance to the nearest protected core.", unit="m", nullable=True
        ),
        column(
            "distance_community_m",
            "float",
            "Distance to the nearest native community.",
            unit="m",
            nullable=True,
            tier=_P,
        ),
        column("date_uncertain", "bool", "A right or rule changed between the observations."),
        column(
            "mining_title_later",
            "text",
            "Whether mining was claimed over an earlier right on this ground.",
            choices=YES_NO,
        ),
        column(
            "days_to_mining_application",
            "int",
            "Days from the loss to the first mining application there; negative: applied before.",
            nullable=True,
        ),
        column("authority", "text", "Bodies competent for the ground by law, joined by `; `.", nullable=True),
        column("authority_verified", "bool", "Whether a person checked the norm of every body named."),
        column(
            "layer_dates",
            "text",
            "Date of each layer, as layer=date; layer=none: named by the site, and not at hand.",
        ),
        column("register_version", "text", "Digest (sha256) of the register that the row was made with."),
        column(
            "before_picture",
            "text",
            "Picture before: a path below the restricted products.",
            nullable=True,
            tier=_R,
        ),
        column(
            "after_picture",
            "text",
            "Picture after: a path below the restricted products.",
            nullable=True,
            tier=_R,
        ),
        column("scenes", "text", "Ids of the scenes around the loss, by day.", nullable=True, tier=_R),
        column(
            "parameters_digest",
            "text",
            "Digest (sha256) of the site's parameters that made the row.",
            nullable=True,
        ),
        column("code_version", "text", "Version of selvawatch that made the row.", nullable=True),
        column(
            "review",
            "text",
            "Verdict of the review that counts; empty: nobody has answered.",
            choices=VERDICTS,
            nullable=True,
        ),
        column(
            "review_date",
            "date",
            "Day (UTC) on which it was seen or judged; empty: not known, or no review.",
            nullable=True,
        ),
        column("review_version", "int", "Version of the event that the review judged.", nullable=True),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in (EVENTS, CELLS, RIGHTS, ALERTS)}
"""Tables by name."""
