"""What every page shares: templates, the policy that forbids the network, and the values both pages print."""

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from selvawatch.write.bulletin.bulletin_model import Bulletin
from selvawatch.write.bulletin.cautions import DISCLAIMER, TIERS, observed_line
from selvawatch.write.bulletin.mapping.marks import SHAPES
from selvawatch.write.bulletin.overview import AREA_LINE, LINES
from selvawatch.write.bulletin.presentation import facts
from selvawatch.write.bulletin.whereabouts import NAME_LENGTH
from selvawatch.write.language.i18n import N_, Language, language
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word
from selvawatch.write.legend import CAUSE_COLOURS

PACKAGE = "selvawatch.write.bulletin"
"""This package, whose templates other pages build on."""
_LINE_WORDS = {
    "road": N_("road"),
    "river": N_("river"),
    "protected": N_("protected natural area"),
    "community": N_("native community"),
    "corridor": N_("mining corridor"),
    "district": N_("district border"),
    "other": N_("other line"),
}


@cache
def environment(code: str, escape: bool = True, package: str = PACKAGE) -> jinja2.Environment:
    """The templates in a language; escaped unless they make plain text, and strict about missing values.

    package: whose folder `templates` is looked into before this package's.
    """
    loaders = [jinja2.PackageLoader(name, "templates") for name in dict.fromkeys((package, PACKAGE))]
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=escape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(language(code).translations, newstyle=True)  # type: ignore[attr-defined]
    return made


def packaged_file(*parts: str) -> Markup:
    """A text file of this package as it stands, such as a style sheet; never text from outside."""
    return Markup(resources.files("selvawatch.write.bulletin").joinpath(*parts).read_text("utf-8"))  # noqa: S704


def policy(styles: tuple[str, ...], scripts: tuple[str, ...] = ()) -> str:
    """A content security policy: these style sheets and scripts, pictures in the page, no network."""
    parts = ["default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'"]
    for kind, texts in (("style-src", styles), ("script-src", scripts)):
        if texts:
            parts.append(f"{kind} {' '.join(_digest(text) for text in texts)}")
    return "; ".join(parts)


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def is_nothing(content: Bulletin) -> bool:
    """Whether there is no alert and no loss to tell of."""
    return len(content.alerts.frame) == 0 and content.headline.loss_ha == 0


def common_values(content: Bulletin, lang: Language) -> dict[str, Any]:
    """Title, tier, headline facts, legend of causes and disclaimer in one language."""
    causes = sorted({str(cause) for cause in content.alerts.frame["cause"]}, key=list(CAUSE_COLOURS).index)
    return {
        "language": lang,
        "title": lang.text(N_("Forest loss: %(area)s"))
        % {"area": single_line(content.area_title, NAME_LENGTH)},
        "tier": content.tier.name.lower(),
        "tier_word": lang.text(TIERS[content.tier]),
        "facts": facts(content, lang),
        "observed": observed_line(content, lang),
        "nothing": is_nothing(content),
        "causes": [(word(lang, "cause", cause), CAUSE_COLOURS[cause]) for cause in causes],
        "shapes": [(word(lang, "status", status), shape) for status, shape in SHAPES.items()],
        "lines": _lines(content, lang),
        "disclaimer": [lang.text(line) for line in DISCLAIMER],
    }


def _lines(content: Bulletin, lang: Language) -> list[tuple[str, dict[str, str]]]:
    """Legend of the lines that a map of it has: words, SVG style."""
    drawn = (one.kind for one in content.references if one.kind != "settlement")
    kinds = {kind if kind in _LINE_WORDS else "other" for kind in drawn}
    lines = [(lang.text(_LINE_WORDS[kind]), LINES[kind]) for kind in _LINE_WORDS if kind in kinds]
    return [(lang.text(N_("border of the area")), AREA_LINE), *lines]
