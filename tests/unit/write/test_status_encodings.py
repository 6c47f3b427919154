import numpy as np
import pytest
import xarray as xr

from selvawatch.core.days import to_day
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.status import Confidence, Status
from selvawatch.errors import LayerError
from selvawatch.write import encodings


def layers(*pixels):
    """A row of pixels given as (status, confidence, onset, observations)."""
    values = {name: np.zeros((1, len(pixels)), layer.dtype) for name, layer in LAYERS.items()}
    for column, (status, confidence, onset, observations) in enumerate(pixels):
        values["status"][0, column] = status
        values["confidence"][0, column] = confidence
        values["onset"][0, column] = to_day(onset) if onset else 0
        values["looks"][0, column] = observations
    return xr.Dataset({name: (("y", "x"), value) for name, value in values.items()})


ROW = layers(
    (Status.NONE, Confidence.NONE, "", 0),
    (Status.PROVISIONAL, Confidence.LOW, "2024-07-02", 1),
    (Status.PROVISIONAL, Confidence.LOW, "2024-07-02", 2),
    (Status.CONFIRMED, Confidence.HIGH, "2023-12-31", 5),
    (Status.CLOSED, Confidence.HIGHEST, "2021-01-01", 9),
    (Status.WITHDRAWN, Confidence.NONE, "2024-07-02", 0),
    (Status.DIEBACK, Confidence.NONE, "", 0),
    (Status.NODATA, 255, "", 0),
)


def row(array):
    return array.values[0].tolist()


@pytest.mark.parametrize(
    ("onset", "confidence", "value"),
    [("2015-01-01", Confidence.LOW, 20001), ("2015-02-24", Confidence.HIGH, 30055), ("2020-01-21", 2, 21847)],
)
def test_date_conf_is_the_published_example(onset, confidence, value):
    status = Status.PROVISIONAL if confidence == Confidence.LOW else Status.CONFIRMED
    assert row(encodings.gfw_date_conf(layers((status, confidence, onset, 1)))) == [value]


def test_date_conf_leaves_out_what_is_no_alert():
    assert row(encodings.gfw_date_conf(ROW)) == [0, 23471, 23471, 33287, 42193, 0, 0, 0]
    assert encodings.gfw_date_conf(ROW).dtype == np.uint16


def test_radd_dates_are_year_and_day_of_year():
    assert row(encodings.radd_date(ROW)) == [0, 24184, 24184, 23365, 21001, 0, 0, 0]
    assert row(encodings.radd_alert(ROW)) == [0, 2, 2, 3, 3, 0, 0, 0]


def test_dist_statuses_are_the_classes_of_more_than_half():
    assert row(encodings.dist_status(ROW)) == [0, 4, 5, 6, 8, 0, 0, 255]
    assert row(encodings.dist_date(ROW)) == [0, 1279, 1279, 1095, 1, 0, 0, -1]


@pytest.mark.parametrize(
    ("encode", "onset"),
    [
        (encodings.gfw_date_conf, "2014-12-31"),
        (encodings.gfw_date_conf, "2042-05-18"),
        (encodings.dist_date, "2020-12-31"),
        (encodings.radd_date, "1999-12-31"),
        (encodings.radd_date, "2065-01-01"),
    ],
)
def test_a_date_that_an_encoding_cannot_say_is_refused(encode, onset):
    with pytest.raises(LayerError, match=r"^(date_conf|VEG-DIST-DATE|Date): .*; (use|check) "):
        encode(layers((Status.CONFIRMED, Confidence.HIGH, onset, 3)))
