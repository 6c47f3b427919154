"""What makes a site work without a line: its service worker, and the manifest of a web app."""

import json
from collections.abc import Mapping
from importlib import resources

from selvawatch.core.files import content_digest, digest
from selvawatch.website.website_content import Website
from selvawatch.write.language.i18n import Language
from selvawatch.write.language.sanitise import single_line

WORKER = "sw.js"
WEB_MANIFEST = "site.webmanifest"
ICON = "assets/icon.svg"


def worker_file(files: Mapping[str, bytes]) -> bytes:
    """The service worker that keeps all files of a site; another content of any file makes another worker."""
    listed = {path: content_digest(content).hex()[:16] for path, content in sorted(files.items())}
    code = resources.files("selvawatch.website").joinpath("assets", WORKER).read_text("utf-8")
    about = (
        f"const version = {json.dumps(digest(listed)[:16])};\nconst files = {json.dumps(listed, indent=0)};\n"
    )
    return code.replace("/* files */\n", about, 1).encode()


def web_manifest(website: Website, title: str, lang: Language) -> bytes:
    """The manifest by which a phone keeps the site among its applications."""
    values = {
        "name": single_line(title, 80),
        "short_name": "selvawatch",
        "lang": lang.code,
        "start_url": "index.html",
        "scope": "./",
        "display": "minimal-ui",
        "background_color": "#f4f5f1",
        "theme_color": "#16352a",
        "icons": [{"src": ICON, "sizes": "any", "type": "image/svg+xml"}],
        "id": f"selvawatch-{website.bulletin.tier.name.lower()}",
    }
    return (json.dumps(values, sort_keys=True) + "\n").encode()
