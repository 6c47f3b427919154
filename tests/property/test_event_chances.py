"""A chance lies between 0 and 1, and never falls as an event grows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from selvawatch.events.calibrated.chance_rule import ChanceRule, Facts, chance

LOG_ODDS = st.floats(-20, 20)
RULES = st.builds(
    ChanceRule, within_days=st.just(60), least=st.floats(0, 1), start=LOG_ODDS, unit_ha=st.floats(0.01, 10),
    doubling=st.floats(0, 5), radar=LOG_ODDS, optical=LOG_ODDS, seen=st.floats(-3, 3), near=LOG_ODDS,
    near_m=st.floats(0, 500),
)  # fmt: skip


@given(
    RULES,
    st.lists(st.floats(0.01, 500), min_size=1, max_size=20),
    st.integers(1, 400),
    *[st.booleans()] * 3,
)
def test_a_larger_event_is_at_least_as_likely(rule, sizes, seen_days, by_radar, by_optical, is_near):
    ha = np.sort(np.array(sizes))
    same = {"by_radar": by_radar, "by_optical": by_optical, "is_near": is_near, "seen_days": seen_days}
    facts = Facts(ha=ha, **{name: np.full(len(ha), value) for name, value in same.items()})
    found = chance(facts, rule)
    assert found.shape == ha.shape and (found >= 0).all() and (found <= 1).all()
    assert (np.diff(found) >= 0).all()
