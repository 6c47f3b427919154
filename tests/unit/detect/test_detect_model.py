from dataclasses import replace

import pytest

from detect_made import fused

MODEL = fused()
NDVI = MODEL.streams[0].indices[0]


@pytest.mark.parametrize(
    ("part", "change", "named"),
    [
        (NDVI.harmonic, {"harmonics": 4}, "harmonics"),
        (NDVI.harmonic, {"screens": ()}, "screens"),
        (NDVI.harmonic, {"minimum_looks": 5}, "minimum_looks"),
        (NDVI.evidence, {"gain": 0.0}, "gain"),
        (NDVI.evidence, {"low": 0.1}, "low"),
        (NDVI.evidence, {"side": "down"}, "side"),
        (NDVI.reference, {"quantile": 0.5}, "quantile"),
        (MODEL.streams[0], {"correlation": 2.0}, "correlation"),
        (MODEL.streams[0], {"indices": ()}, "indices"),
        (MODEL.streams[0].haze, {"soil": "ndvi"}, "haze"),
        (MODEL.streams[0].haze, {"veiled": 9.0}, "veiled"),
        (MODEL.optical, {"provisional": 9.0}, "thresholds"),
        (MODEL.support, {"neighbours": 9}, "neighbours"),
        (MODEL, {"optical": replace(MODEL.optical, confirmed_alone=99.0)}, "optical confirmed_alone"),
        (MODEL, {"joint": replace(MODEL.joint, day_high=5.0)}, "joint confirmed"),
        (MODEL, {"streams": MODEL.streams[:1] * 2}, "streams"),
    ],
)
def test_numbers_that_cannot_be_used_are_refused_by_name(part, change, named):
    with pytest.raises(ValueError, match=named):
        replace(part, **change)


def test_equal_models_have_equal_digests_and_others_do_not():
    assert fused().digest == MODEL.digest
    assert replace(MODEL, buffer_days=MODEL.buffer_days + 1).digest != MODEL.digest


def test_the_two_optical_streams_have_the_same_rules():
    sentinel, landsat = MODEL.stream("sentinel-2"), MODEL.stream("landsat")
    assert replace(sentinel, stream="landsat") == landsat
    with pytest.raises(KeyError, match="modis"):
        MODEL.stream("modis")
