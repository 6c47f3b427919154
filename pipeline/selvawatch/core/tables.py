"""The one table of columns: name, type, unit, tier and meaning of every table, in two languages."""

from selvawatch.core.schema import Column, Table, Tier, column, columns

__all__ = [
    "ALERTS",
    "CAUSES",
    "CELLS",
    "CHANGES",
    "CONFIDENCES",
    "EVENTS",
    "HOLDER_TYPES",
    "IN_OUT",
    "LEGAL_CONTEXTS",
    "NEAR_WATER",
    "PROTECTED",
    "RIGHTS",
    "RIGHT_KINDS",
    "RIGHT_TYPES",
    "SITE_CATEGORIES",
    "STATUSES",
    "TABLES",
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
RIGHT_TYPES = (
    "mining",
    "mining_application",
    "timber",
    "brazil_nut",
    "other_non_timber",
    "ecotourism",
    "conservation",
    "reforestation",
    "wildlife",
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
IN_OUT = ("in", "out", "unknown")
YES_NO = ("yes", "no", "unknown")
PROTECTED = ("core", "buffer", "out", "unknown")
NEAR_WATER = ("in_water", "under_50_m", "under_100_m", "under_500_m", "far", "unknown")
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
    column("onset", "date", "Median day on which the loss began.", "Inicio (mediana)"),
    column(
        "onset_earliest",
        "date",
        "Last clear observation before the first loss.",
        "Inicio más temprano",
        nullable=True,
    ),
    column("onset_latest", "date", "First look at or after the last loss.", "Inicio más tardío"),
)

EVENTS = Table(
    name="events",
    description="Things on the ground: tracked patches of forest loss.",
    columns=columns(
        column("event_id", "text", "Stable id of the event.", "Evento"),
        column("version", "int", "Version of the event, from 1; each published change adds one.", "Versión"),
        column("status", "text", "Status of the event.", "Estado", choices=STATUSES),
        column("confidence", "text", "Confidence of the event.", "Confianza", choices=CONFIDENCES),
        column("change", "text", "Change against the version before.", "Cambio", choices=CHANGES),
        column("withdrawn_reason", "text", "Why it was withdrawn.", "Motivo de retiro", nullable=True),
        column(
            "merged_from",
            "text",
            "Ids of events that merged into this one, separated by spaces.",
            "Fusionado de",
            nullable=True,
        ),
        column("first_detected", "date", "Day of the first provisional pixel.", "Primera detección"),
        column("confirmed_on", "date", "Day of the first confirmed pixel.", "Confirmación", nullable=True),
        _WHEN,
        column("last_grown", "date", "Latest onset of a pixel of the event.", "Último crecimiento"),
        column("ha", "float", "Area of all pixels of the event.", "Área", unit="ha"),
        column("ha_lo", "float", "Lower bound: confirmed pixels of the event.", "Área mínima", unit="ha"),
        column("ha_hi", "float", "Upper bound: pixels plus half a pixel around.", "Área máxima", unit="ha"),
        column(
            "looks",
            "int",
            "Days with a usable observation since the onset (median over pixels).",
            "Observaciones",
        ),
        column("sensors", "text", "Sensors that looked since the onset, separated by spaces.", "Sensores"),
        column("cause", "text", "Published cause.", "Causa", choices=CAUSES),
        column(
            "mining_probability", "float", "Probability that the cause is mining.", "Probabilidad de minería"
        ),
        column(
            "cause_reasons", "text", "Codes of the reasons for the cause, separated by spaces.", "Indicios"
        ),
        column("lon", "float", "Longitude of a point inside.", "Longitud", unit="degree", tier=_R),
        column("lat", "float", "Latitude of a point inside.", "Latitud", unit="degree", tier=_R),
        column("utm_e", "float", "Easting of that point in the site's CRS.", "Este", unit="m", tier=_R),
        column("utm_n", "float", "Northing of that point in the site's CRS.", "Norte", unit="m", tier=_R),
        column("geometry", "geometry", "Outline in the site's pixel CRS.", "Contorno", tier=_R),
    ),
)

CELLS = Table(
    name="cells",
    description="Loss cells: the pixels of one event that share one onset; what the tables add up.",
    columns=columns(
        column("cell_id", "text", "Event id and onset day.", "Celda"),
        column("event_id", "text", "Event the cell belongs to.", "Evento"),
        column("status", "text", "Status of the cell's pixels.", "Estado", choices=STATUSES),
        column("cause", "text", "Published cause of the event.", "Causa", choices=CAUSES),
        column(
            "mining_probability", "float", "Probability that the cause is mining.", "Probabilidad de minería"
        ),
        column("onset", "date", "Day on which these pixels were lost.", "Inicio"),
        column(
            "onset_earliest", "date", "Last clear observation before.", "Inicio más temprano", nullable=True
        ),
        column("onset_latest", "date", "First observation after.", "Inicio más tardío"),
        column("ha", "float", "Area.", "Área", unit="ha"),
        column("geometry", "geometry", "Pixels as polygons in the site's pixel CRS.", "Contorno", tier=_R),
    ),
)

RIGHTS = Table(
    name="rights",
    description="The register: one row for each version of each right or zone.",
    columns=columns(
        column("right_id", "text", "Stable id: layer and key of the source.", "Derecho", tier=_R),
        column(
            "kind",
            "text",
            "A right, a zone (regime), a layer kept aside, or a place (area, district).",
            "Clase",
            choices=RIGHT_KINDS,
        ),
        column("type", "text", "Type of the right or zone.", "Tipo", choices=RIGHT_TYPES),
        column("subtype", "text", "What the source calls it.", "Subtipo", nullable=True),
        column(
            "name",
            "text",
            "Name of a zone or community; never that of a natural person.",
            "Nombre",
            nullable=True,
        ),
        column("layer", "text", "Layer of the register.", "Capa"),
        column("source", "text", "Who publishes the layer.", "Fuente"),
        column("source_key", "text", "Key in the source.", "Clave", tier=_R),
        column(
            "holder_type", "text", "What kind of holder.", "Tipo de titular", choices=HOLDER_TYPES, tier=_R
        ),
        column(
            "holder_hash",
            "text",
            "Salted hash of the holder's name.",
            "Titular (hash)",
            nullable=True,
            tier=_R,
        ),
        column("status", "text", "Status as the source states it.", "Situación", nullable=True),
        column("applied_on", "date", "Day of the application.", "Solicitud", nullable=True),
        column(
            "valid_from", "date", "First day in force; unknown where empty.", "Vigente desde", nullable=True
        ),
        column(
            "valid_to",
            "date",
            "First day no longer in force; open or unknown where empty.",
            "Vigente hasta",
            nullable=True,
        ),
        column(
            "dates_known",
            "bool",
            "Whether the dates say when it was in force; if not, between its dates that is unknown.",
            "Fechas conocidas",
        ),
        column(
            "listed_is_valid",
            "bool",
            "Whether to stand in the layer on a day means to be in force that day (undated zones).",
            "Figurar es vigencia",
        ),
        column("recorded_from", "date", "First snapshot with this version.", "Registrado desde"),
        column(
            "recorded_to",
            "date",
            "First snapshot without this version; empty: it stands in the latest.",
            "Registrado hasta",
            nullable=True,
        ),
        column("document", "text", "Legal document.", "Documento", nullable=True, tier=_P),
        column("ha_legal", "float", "Hectares in the document.", "Área legal", unit="ha", nullable=True),
        column("ha_gis", "float", "Hectares of the geometry.", "Área cartográfica", unit="ha"),
        column("snapshot_date", "date", "Day the layer was taken.", "Fecha de la capa"),
        column("snapshot_sha256", "text", "Digest of the layer's file.", "Huella de la capa"),
        column("geometry", "geometry", "Polygon in the site's pixel CRS.", "Contorno", tier=_R),
    ),
)

ALERTS = Table(
    name="alerts",
    description="Published versions of events, with the rights and zones they lie in.",
    columns=columns(
        column("alert_id", "text", "Event id and version, as `E.vN`.", "Alerta"),
        EVENTS.columns,
        column(
            "rank",
            "int",
            "Place in the ranking of its run, from 1, among the rows of this tier.",
            "Prioridad",
        ),
        column("score", "float", "Score of the ranking, 0 to 100.", "Puntaje"),
        column("rank_reasons", "text", "Codes of the reasons, separated by spaces.", "Motivos de prioridad"),
        column("area_name", "text", "Area of interest.", "Área de interés", nullable=True),
        column("district", "text", "District.", "Distrito", nullable=True),
        column("ubigeo", "text", "Code of the district.", "Ubigeo", nullable=True),
        column(
            "exclusive_class", "text", "Type with most ground by the priority scale, at the loss.", "Clase"
        ),
        column("exclusive_share", "float", "Share of the ground in that type.", "Parte en la clase"),
        column("exclusive_class_today", "text", "The same with the rights of today.", "Clase hoy"),
        column(
            "combination", "text", "Types over the largest part, joined by +, at the loss.", "Combinación"
        ),
        column("combination_today", "text", "The same with the rights of today.", "Combinación hoy"),
        column("overlap_n", "int", "Rights on the ground at the loss.", "Derechos superpuestos"),
        column("overlap_list", "text", "Their ids, separated by spaces.", "Lista", nullable=True, tier=_R),
        column("concession_type", "text", "Types of concession on it.", "Tipo de concesión", nullable=True),
        column("concession_code", "text", "Their codes.", "Código", nullable=True, tier=_R),
        column("concession_status", "text", "Their status.", "Situación", nullable=True, tier=_P),
        column("holder_types", "text", "Types of holder.", "Tipo de titular", nullable=True, tier=_R),
        column(
            "site_category",
            "text",
            "Site proxy of the planetGOLD category: a place, not an operator.",
            "Categoría del lugar",
            choices=SITE_CATEGORIES,
            tier=_P,
        ),
        column("zones", "text", "Types of zone on it, separated by spaces.", "Zonas", nullable=True),
        column("corridor", "text", "Mining corridor.", "Corredor minero", choices=IN_OUT),
        column("protected", "text", "Protected area.", "Área protegida", choices=PROTECTED),
        column("protected_name", "text", "Its name.", "Nombre del área protegida", nullable=True),
        column("in_native_community", "text", "Native community.", "En comunidad nativa", choices=IN_OUT),
        column("native_community", "text", "Its name.", "Comunidad nativa", nullable=True, tier=_P),
        column(
            "isolated_peoples",
            "text",
            "Within the guarded distance of a reserve of isolated peoples.",
            "PIACI",
            choices=YES_NO,
            tier=_R,
        ),
        column("oil_lot", "text", "Oil lot.", "Lote de petróleo", choices=IN_OUT),
        column(
            "legal_context", "text", "What dated rules say of the place.", "Contexto", choices=LEGAL_CONTEXTS
        ),
        column("legal_rules", "text", "Ids of the rules that apply.", "Reglas", nullable=True),
        column("legal_citation", "text", "Their citations.", "Cita", nullable=True),
        column("legal_verified", "bool", "Whether every rule used was checked.", "Norma verificada"),
        column("near_water", "text", "Nearness to water.", "Cercanía a cauce", choices=NEAR_WATER),
        column(
            "remining",
            "text",
            "Mining again in an old scar; unknown: no earlier mining ground at hand.",
            "Reminería",
            choices=YES_NO,
        ),
        column("distance_road_m", "float", "Distance to a road.", "A carretera", unit="m", nullable=True),
        column(
            "road_km",
            "float",
            "Kilometre of the nearest road, between checked marks.",
            "Hito km",
            unit="km",
            nullable=True,
        ),
        column("distance_river_m", "float", "Distance to a river.", "A río", unit="m", nullable=True),
        column(
            "distance_reserve_m",
            "float",
            "Distance to a protected core.",
            "A reserva",
            unit="m",
            nullable=True,
        ),
        column(
            "distance_community_m",
            "float",
            "Distance to a native community.",
            "A comunidad",
            unit="m",
            nullable=True,
            tier=_P,
        ),
        column(
            "date_uncertain", "bool", "A right or rule changed between the observations.", "Fecha incierta"
        ),
        column(
            "mining_title_later",
            "text",
            "Mining claimed over an earlier right.",
            "Minería posterior",
            choices=YES_NO,
        ),
        column(
            "days_to_mining_application",
            "int",
            "Days from the loss to the first mining application there; negative: applied before.",
            "Días a la solicitud minera",
            nullable=True,
        ),
        column(
            "authority",
            "text",
            "Bodies competent for the ground by law, joined by `; `.",
            "Autoridad competente",
            nullable=True,
        ),
        column(
            "authority_verified",
            "bool",
            "Whether a person checked the norm of every body named.",
            "Autoridad verificada",
        ),
        column("layer_dates", "text", "Date of each layer used, as layer=date.", "Fecha de capas"),
        column("register_version", "text", "Digest of the register.", "Versión del registro"),
        column(
            "before_picture",
            "text",
            "Picture before: a path below the restricted products.",
            "Imagen antes",
            nullable=True,
            tier=_R,
        ),
        column(
            "after_picture",
            "text",
            "Picture after: a path below the restricted products.",
            "Imagen después",
            nullable=True,
            tier=_R,
        ),
        column(
            "scenes",
            "text",
            "Ids of the scenes around the loss, by day.",
            "Escenas",
            nullable=True,
            tier=_R,
        ),
        column("parameters_digest", "text", "Digest of the parameters.", "Parámetros", nullable=True),
        column("code_version", "text", "Version of the code.", "Versión del código", nullable=True),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in (EVENTS, CELLS, RIGHTS, ALERTS)}
"""Tables by name."""
