from dataclasses import replace

import numpy as np
import pytest

from detect_made import LEVELS, START, fused, monitored, observation, quiet_baselines, random_looks
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.stack import NODATA
from selvawatch.core.status import Confidence, Reason, Status
from selvawatch.detect import fusion
from selvawatch.detect.evidence import EvidenceRule
from selvawatch.errors import StackError

MODEL = fused()
SOIL = {"ndvi": 2000, "nbr": -500}
HAZE = {"ndvi": 4000, "nbr": 4500, "mndwi": -1500}


def run(observations, shape=(1, 1), resolution=30.0, model=MODEL):
    state = fusion.start(model, monitored(shape), resolution=resolution)
    return fusion.advance(model, quiet_baselines(shape), state, observations)


def pixel(state):
    layers = fusion.layers(state)
    return {name: int(layers[name][0, 0]) for name in layers}


class SlowPixel:
    """One pixel of the fusion, written from its description."""

    def __init__(self):
        self.sums = dict.fromkeys(fusion.ACCUMULATORS, 0)
        self.runs = {name: [] for name in fusion.ACCUMULATORS}
        self.looked = {name: [] for name in fusion.ACCUMULATORS}
        self.status, self.kept, self.both = Status.NONE, None, set()
        self.detected_on = self.provisional_on = self.decided_on = 0

    def add(self, day, said):
        """said: evidence in units by kind; what was not seen is left out."""
        if not said:
            return
        joint = sum(
            max(value, MODEL.in_units(MODEL.radar_low_in_joint)) if kind == "radar" else value
            for kind, value in ((kind, self.bounded(kind, value)) for kind, value in said.items())
        )
        for name, value in {**said, "joint": joint}.items():
            after = min(255, max(0, self.sums[name] + self.bounded(name, value)))
            if after == 0:
                self.runs[name] = []
            elif self.sums[name] == 0:
                before = self.looked[name][-1] if self.looked[name] else 0
                self.runs[name] = [before, day]
            else:
                self.runs[name].append(day)
            self.sums[name] = after
            self.looked[name].append(day)
        if self.kept is not None:
            self.kept.append(day)

    def bounded(self, name, value):
        level = getattr(MODEL, name)
        return min(max(value, MODEL.in_units(level.day_low)), MODEL.in_units(level.day_high))

    def above(self, part):
        return [
            n for n in fusion.ACCUMULATORS if self.sums[n] >= MODEL.in_units(getattr(getattr(MODEL, n), part))
        ]

    def decide(self, day, neighbours):
        if self.status in (Status.NONE, Status.WITHDRAWN):
            if self.above("provisional"):
                if self.status == Status.NONE or day - self.decided_on > MODEL.buffer_days:
                    self.detected_on = day
                self.status, self.provisional_on, self.decided_on = Status.PROVISIONAL, day, 0
                self.both = set()
            return
        if self.status == Status.CLOSED:
            return
        calm = all(self.sums[n] <= MODEL.in_units(getattr(MODEL, n).withdrawn) for n in fusion.ACCUMULATORS)
        if self.status == Status.PROVISIONAL and calm:
            self.status, self.decided_on = Status.WITHDRAWN, day
            self.both = set()
            return
        by = self.above("confirmed" if neighbours >= MODEL.support.neighbours else "confirmed_alone")
        self.both |= {"optical", "radar"} & set(by)
        if self.status == Status.PROVISIONAL and by:
            self.status, self.decided_on = Status.CONFIRMED, day
            leader = next(name for name in ("optical", "joint", "radar") if name in by)
            self.kept = list(self.runs[leader])
        elif self.status == Status.CONFIRMED and day - self.decided_on >= MODEL.close_after_days:
            self.status = Status.CLOSED

    def layers(self):
        run = self.kept
        if self.status == Status.PROVISIONAL:
            run = next(self.runs[name] for name in ("optical", "joint", "radar") if self.sums[name] > 0)
        raised = self.status in (Status.PROVISIONAL, Status.CONFIRMED, Status.CLOSED)
        withdrawn = self.status == Status.WITHDRAWN
        onset = run[1] if raised else (self.provisional_on if withdrawn else 0)
        settled = self.status in (Status.CONFIRMED, Status.CLOSED)
        gap = onset - run[0] if raised and run[0] else 0
        sure = Confidence.HIGHEST if len(self.both) == 2 else Confidence.HIGH
        low = Confidence.LOW if self.status == Status.PROVISIONAL else Confidence.NONE
        return {
            "status": self.status,
            "confidence": sure if settled else low,
            "reason": Reason.MONITORED,
            "onset": onset,
            "onset_earliest": run[0] if raised and 0 < gap < 255 else 0,
            "onset_latest": onset,
            "detected_on": self.detected_on,
            "provisional_on": self.provisional_on,
            "confirmed_on": self.decided_on if settled else 0,
            "withdrawn_on": self.decided_on if withdrawn else 0,
            "looks": min(255, len(run) - 1) if raised else 0,
            "looks_total": len(self.looked["joint"]),
            "last_look": self.looked["joint"][-1] if self.looked["joint"] else 0,
        }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_kernels_are_the_slow_pixels(seed):
    rng = np.random.default_rng(seed)
    shape = (6, 8)
    baselines = quiet_baselines(
        shape, {"ndvi": 150, "vv": 60, "vh": 60}
    )  # noisier observations than the baselines say
    observations = random_looks(rng, shape, range(START, START + 700, 3), loss_from=START + 60)
    state = fusion.start(MODEL, monitored(shape), resolution=30.0)
    ground = EvidenceRule(MODEL, baselines)
    pixels = [[SlowPixel() for _ in range(shape[1])] for _ in range(shape[0])]
    seen_statuses = set()
    for day in sorted({each.day for each in observations}):
        today = [each for each in observations if each.day == day]
        state = fusion.advance(MODEL, baselines, state, today)
        said = {}
        for each in today:
            kind = MODEL.stream(each.stream).kind
            units = ground.of_day([each]).astype(int)
            old = said.get(kind, np.full(shape, NODATA, int))
            added = np.where(old == NODATA, units, np.where(units == NODATA, old, old + units))
            said[kind] = added
        for row in range(shape[0]):
            for column in range(shape[1]):
                heard = {kind: int(v[row, column]) for kind, v in said.items() if v[row, column] != NODATA}
                pixels[row][column].heard = heard
                pixels[row][column].add(day, heard)
        active = np.array([[bool(one.above("provisional")) for one in line] for line in pixels])
        around = np.pad(active, 1).astype(int)
        count = sum(
            around[1 + dy : 1 + dy + shape[0], 1 + dx : 1 + dx + shape[1]]
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            if dy or dx
        )
        for row in range(shape[0]):
            for column in range(shape[1]):
                if pixels[row][column].heard:
                    pixels[row][column].decide(day, count[row, column])
    layers = fusion.layers(state)
    for row in range(shape[0]):
        for column in range(shape[1]):
            expected = pixels[row][column].layers()
            got = {name: int(layers[name][row, column]) for name in LAYERS}
            assert got == {name: int(value) for name, value in expected.items()}
            seen_statuses.add(expected["status"])
    assert {Status.WITHDRAWN, Status.CLOSED} & seen_statuses


def test_a_state_is_33_bytes_and_its_layers_are_the_table():
    state = run([observation(START)])
    assert sum(np.dtype(dtype).itemsize for dtype in fusion.STATE.values()) == 33
    assert {name: str(state[name].dtype) for name in state} == fusion.STATE
    layers = fusion.layers(state)
    assert {name: str(layers[name].dtype) for name in layers} == {
        n: layer.dtype for n, layer in LAYERS.items()
    }


def test_soil_is_provisional_at_once_and_confirmed_on_a_later_day():
    observations = [observation(START), observation(START + 5, **SOIL)]
    first = pixel(run(observations))
    assert (first["status"], first["confidence"]) == (Status.PROVISIONAL, Confidence.LOW)
    observations += [observation(START + 10, **SOIL), observation(START + 15, **SOIL)]
    told = pixel(run(observations))
    assert (told["status"], told["confidence"]) == (Status.CONFIRMED, Confidence.HIGH)
    assert (told["onset_earliest"], told["onset"], told["onset_latest"]) == (START, START + 5, START + 5)
    assert told["provisional_on"] == START + 5 < told["confirmed_on"]
    assert (told["looks"], told["looks_total"]) == (3, 4)


def test_one_day_never_confirms_however_many_streams_see_it():
    dark = {"vv": -2500, "vh": -3000}
    same_day = [
        observation(START, "landsat", **SOIL),
        observation(START, "sentinel-1-ascending", **dark),
        observation(START, "sentinel-1-descending", **dark),
        observation(START, "sentinel-2", **SOIL),
    ]
    assert pixel(run(same_day))["status"] == Status.PROVISIONAL


def test_neighbours_confirm_sooner_than_a_pixel_alone():
    def confirmed_after(resolution):
        state = fusion.start(MODEL, monitored((3, 3)), resolution=resolution)
        for number in range(1, 9):
            today = [observation(START + 5 * number, shape=(3, 3), **SOIL)]
            state = fusion.advance(MODEL, quiet_baselines((3, 3)), state, today)
            if int(fusion.layers(state)["status"][1, 1]) == Status.CONFIRMED:
                return number
        raise AssertionError("never confirmed")

    assert confirmed_after(30.0) < confirmed_after(None)
    # at 10 m the pixels beside are copies of one 30 m source pixel: none is 30 m away
    assert confirmed_after(10.0) == confirmed_after(None)


def test_one_observation_against_the_others_is_withdrawn_and_leaves_its_day():
    observations = [
        observation(START),
        observation(START + 5, ndvi=3000, nbr=3000),
        observation(START + 10),
        observation(START + 15),
    ]
    told = pixel(run(observations))
    assert told["status"] == Status.WITHDRAWN
    assert (told["provisional_on"], told["withdrawn_on"]) == (START + 5, START + 15)
    again = pixel(run([*observations, observation(START + 20, **SOIL)]))
    assert (again["status"], again["withdrawn_on"], again["onset"]) == (Status.PROVISIONAL, 0, START + 20)
    assert (again["detected_on"], again["provisional_on"]) == (START + 5, START + 20)
    later = START + 15 + MODEL.buffer_days
    for day, detected_on in ((later, START + 5), (later + 1, later + 1)):
        assert pixel(run([*observations, observation(day, **SOIL)]))["detected_on"] == detected_on


def test_haze_alone_is_not_even_provisional():
    assert pixel(run([observation(START, **HAZE)]))["status"] == Status.NONE


def test_water_under_trees_that_the_water_index_alone_shows_is_never_told_of():
    flood = [observation(START + 5 * number, mndwi=-1500) for number in range(40)]
    told = pixel(run(flood))
    assert (told["status"], told["provisional_on"], told["confirmed_on"]) == (Status.NONE, 0, 0)


def test_a_pond_in_part_of_a_pixel_is_confirmed_by_the_water_index_and_a_weak_fall():
    def confirmed_on(**index):
        part = {"ndvi": LEVELS["ndvi"] - 500, **index}
        return pixel(run([observation(START + 5 * number, **part) for number in range(5)]))["confirmed_on"]

    assert confirmed_on(mndwi=-1500) > 0
    assert confirmed_on() == 0


def test_radar_that_sees_forest_does_not_stop_optical():
    observations = []
    for number in range(6):
        observations += [
            observation(START + 10 * number, "sentinel-1-ascending"),
            observation(START + 10 * number + 5, **SOIL),
        ]
    optical_only = [each for each in observations if each.stream == "sentinel-2"]
    assert pixel(run(observations))["confirmed_on"] == pixel(run(optical_only))["confirmed_on"] > 0


def test_both_sensors_together_are_of_highest_confidence():
    observations = []
    for number in range(8):
        radar = observation(START + 10 * number, "sentinel-1-ascending", vv=-1500, vh=-2200)
        observations += [radar, observation(START + 10 * number + 5, **SOIL)]
    assert pixel(run(observations))["confidence"] == Confidence.HIGHEST


def test_a_confirmed_pixel_is_closed_after_a_year_and_stays():
    observations = [observation(START + 10 * number, **SOIL) for number in range(50)]
    told = pixel(run(observations))
    assert told["status"] == Status.CLOSED
    assert told["onset"] == START
    assert pixel(run([*observations, observation(START + 600)]))["status"] == Status.CLOSED


def test_what_is_not_monitored_stays_untouched():
    reason = monitored((1, 2))
    reason[0, 0] = Reason.NOT_FOREST
    state = fusion.start(MODEL, reason, resolution=30.0)
    observations = [observation(START + 5 * number, shape=(1, 2), **SOIL) for number in range(5)]
    layers = fusion.layers(fusion.advance(MODEL, quiet_baselines((1, 2)), state, observations))
    assert layers["status"].values.tolist() == [[Status.NODATA, Status.CONFIRMED]]
    assert layers["reason"].values.tolist() == [[Reason.NOT_FOREST, Reason.MONITORED]]
    assert layers["looks_total"].values.tolist() == [[0, 5]]


def test_a_late_observation_is_refused_with_what_to_do():
    state = run([observation(START + 10)])
    with pytest.raises(StackError, match="replay"):
        fusion.advance(MODEL, quiet_baselines((1, 1)), state, [observation(START + 10, "landsat")])


def test_a_stream_twice_on_a_day_is_refused():
    with pytest.raises(StackError, match="merge"):
        run([observation(START), observation(START)])


def test_the_state_of_another_model_is_refused():
    other = replace(MODEL, version="other")
    state = fusion.start(MODEL, monitored((1, 1)), resolution=30.0)
    with pytest.raises(StackError, match="another model"):
        fusion.advance(other, quiet_baselines((1, 1)), state, [observation(START)])


def test_advancing_does_not_change_the_state_given():
    state = run([observation(START)])
    before = state.copy(deep=True)
    fusion.advance(MODEL, quiet_baselines((1, 1)), state, [observation(START + 5, **SOIL)])
    assert state.identical(before)


def test_what_cannot_be_written_can_be_read():
    frozen = observation(START, **SOIL)
    baselines = quiet_baselines((1, 1))
    for array in [*frozen.values.values(), *(baselines[name].values for name in baselines)]:
        array.setflags(write=False)
    state = fusion.start(MODEL, monitored((1, 1)), resolution=30.0)
    assert pixel(fusion.advance(MODEL, baselines, state, [frozen]))["status"] == Status.PROVISIONAL
