import pytest

from selvawatch.health.online import archive_table, ask_archives
from selvawatch.site import Site, default_site
from selvawatch.sources.catalogues.public_archives import ARCHIVES

pytestmark = pytest.mark.live


def test_every_archive_that_needs_no_key_is_searched_and_read():
    """Asks each real archive for the packaged areas' history, a token and 64 px; prints what it gave."""
    answers = ask_archives(Site.load(default_site()))
    print(f"\n{archive_table(answers)}")
    without_key = [one for one in answers if not ARCHIVES[one.archive].keys.get(one.sensor)]
    assert [one.line for one in without_key if not one.works] == []
