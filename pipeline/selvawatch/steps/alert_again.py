"""Use cases: the evidence of an alert in one file, and the alert made again from it."""

import io
import tempfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import geopandas as gpd

from selvawatch.core.files import content_digest
from selvawatch.errors import EvidenceError, SelvawatchError
from selvawatch.evidence.archive import Evidence, manifest_of, open_evidence, write_evidence
from selvawatch.evidence.comparison_of_evidence import Reproduction, compare
from selvawatch.evidence.package import evidence_files
from selvawatch.evidence.scratch_site import lay_out
from selvawatch.evidence.timestamp import stamp
from selvawatch.provenance import code_digest
from selvawatch.steps.run.monitor import monitor
from selvawatch.steps.store_site import SITE_FILE, site_of_store
from selvawatch.store.contents import ALERTS_FILE, RESTRICTED
from selvawatch.store.folders import open_store
from selvawatch.store.seal import read_seal


def write_alert_evidence(
    store: str,
    alert: str,
    out: Path,
    site: Path | None = None,
    site_file: str = SITE_FILE,
    authority: str = "",
) -> Path:
    """Write what an alert of the current run stands on into a ZIP and return it.

    authority: address of a time-stamping authority that is to stamp the manifest; empty: none.

    Raises
    ------
    StoreError, EvidenceError
        Where there is no such alert, or something of it is not at hand.
    """
    opened = open_store(store)
    with site_of_store(opened, site, site_file) as loaded:
        files, about = evidence_files(loaded, opened, alert)
    if not authority:
        return write_evidence(out, files, about)
    manifest = content_digest(manifest_of(files, about))
    host = urlsplit(authority).hostname or ""
    return write_evidence(out, files, about, stamp(manifest, authority, private_host=host))


def reproduce(path: Path, source: str) -> Reproduction:
    """Make the alert of a ZIP of evidence again and compare: same site, layers, area and day.

    source: the archive or mirror that scenes are read from.
    Nothing is kept: the run is made in a folder that goes again.

    Raises
    ------
    EvidenceError
        Where the ZIP is not whole, or its run cannot be made again at all.
    """
    evidence = open_evidence(path)
    with tempfile.TemporaryDirectory(prefix="selvawatch-again-") as scratch:
        try:
            found = _made_again(evidence, source, Path(scratch))
        except EvidenceError:
            raise
        except (
            SelvawatchError,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            raise EvidenceError(
                "the run cannot be made again",
                where=path,
                got=str(error).replace(scratch, "") or type(error).__name__,
            ) from error
    return replace(found, remarks=_remarks(evidence))


def _made_again(evidence: Evidence, source: str, scratch: Path) -> Reproduction:
    run = evidence.read_json("run.json")
    site, site_file, store = lay_out(evidence, scratch)
    report = monitor(str(site), site_file, str(store), str(run["area"]), str(run["until"]), source)
    opened = open_store(str(store))
    body = read_seal(opened.run(report.run_id)).read(f"{RESTRICTED}/{ALERTS_FILE}")
    return compare(evidence, opened, gpd.read_parquet(io.BytesIO(body)))


def _remarks(evidence: Evidence) -> tuple[str, ...]:
    if evidence.about.get("code_sha256") == code_digest():
        return ()
    version = evidence.about.get("version")
    return (f"the evidence was made by other code (version {version}): equal results are not owed",)
