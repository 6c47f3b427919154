"""A made-up static site: alerts, versions and answers of it, some texts meant to harm."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType

from selvawatch.core.tier import Tier
from selvawatch.website.history import Answer, PublishedState, histories
from selvawatch.website.pages import website_files
from selvawatch.website.website_content import Website
from write_data import DATA_DAY, bulletin, pictures


@cache
def made_website(
    tier: Tier = Tier.PUBLIC, *, count: int = 8, hostile: bool = False, pictured: bool = False
) -> Website:
    """A site over made-up alerts, with a state of thirty days before; pictured: every alert has pictures."""
    content = bulletin(tier, count=count, hostile=hostile)
    frame = content.alerts.frame
    if pictured:
        some = [pictures(number) for number in range(6)]
        every = {alert: some[number % 6] for number, alert in enumerate(frame["alert_id"])}
        content = replace(content, pictures=every)
    before = frame.assign(
        version=1, alert_id=frame["event_id"] + ".v1", ha=frame["ha"] / 2, status="provisional", change="new"
    )
    exact = tier is Tier.RESTRICTED
    answer = Answer(
        verdict="mining",
        day=DATA_DAY - 5,
        version=1 if exact else None,
        role="ranger" if exact else "",
        learned_day=DATA_DAY + 2,
    )
    answers = {str(frame["event_id"].iloc[0]): (answer,)} if count else {}
    states = [PublishedState(DATA_DAY - 30, before), PublishedState(DATA_DAY, frame)]
    return Website(
        bulletin=content,
        histories=histories(states, answers),
        areas={"la-pampa": "La Pampa", "delta": "Delta"},
    )


@cache
def made_files(tier: Tier = Tier.PUBLIC, *, count: int = 8, hostile: bool = False) -> Mapping[str, bytes]:
    """The files of such a site, without pictures for every alert."""
    return MappingProxyType(website_files(made_website(tier, count=count, hostile=hostile)))
