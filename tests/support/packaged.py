"""What the packaged site says, for tests that need a part of it."""

from selvawatch.site import Site, default_site

SITE = Site.load(default_site())
RECIPE = SITE.recipe
