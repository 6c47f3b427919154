"""Why a scene is not read: every code, and its words in English and Spanish."""

from collections.abc import Mapping

SCENE_REASONS: Mapping[str, tuple[str, str]] = {
    "item": ("Its catalogue entry cannot be used.", "Su ficha de catálogo no se puede usar."),
    "id": ("Its name is not a plain one.", "Su nombre no es admisible."),
    "duplicate": ("It is listed twice.", "Figura dos veces en el catálogo."),
    "datetime": ("Its date cannot be told.", "Su fecha no se puede determinar."),
    "footprint": ("Its outline cannot be used.", "Su contorno no se puede usar."),
    "sensor": ("Its sensor is not known.", "Su sensor no es conocido."),
    "missing-asset": ("It lacks a file.", "Le falta un archivo."),
    "href": ("It points to where nothing may be read.", "Remite a un lugar de donde no se puede leer."),
    "orbit": ("Its orbit direction cannot be told.", "No se puede determinar el sentido de su órbita."),
    "tier": ("It is not of the first quality tier.", "No es del primer nivel de calidad."),
    "unreachable": (
        "Its archive did not answer; the next run tries it again.",
        "Su servidor no respondió; se intentará de nuevo en la próxima corrida.",
    ),
    "unreadable": ("Its file is damaged or gone.", "Su archivo está dañado o ya no existe."),
    "crs": ("Its file contradicts its catalogue entry.", "Su archivo contradice su ficha de catálogo."),
    "size": ("Its file contradicts its catalogue entry.", "Su archivo contradice su ficha de catálogo."),
    "grid": ("Its file contradicts its catalogue entry.", "Su archivo contradice su ficha de catálogo."),
    "nodata": (
        "Its value without data is stated in different ways.",
        "Su valor sin datos se declara de formas distintas.",
    ),
    "offset": (
        "Its scale or offset cannot be told.",
        "Su escala o su desplazamiento no se puede determinar.",
    ),
    "index": ("It gives none of the indices needed.", "No da ninguno de los índices necesarios."),
    "late": (
        "It came too late to be replayed; it enters at the next baseline.",
        "Llegó demasiado tarde para volver a evaluar su fecha; entrará con la próxima línea base.",
    ),
    "not-listed": ("It is not listed any more.", "Ya no figura en el catálogo."),
    "cloud": ("It is cloudier than the site reads.", "Tiene más nubes de las que se leen."),
    "tile-failed": (
        "The tile could not be brought up to the day; it keeps its state of before.",
        "El cuadro no se pudo actualizar; conserva su estado anterior.",
    ),
}
"""English and Spanish by code of `Problem.reason`, `SceneError.reason` and the ledger.

`tile-failed` is said of a tile, in bulletins.
"""
