from concurrent.futures import ThreadPoolExecutor

from detect_made import fused
from selvawatch.detect.kernels.evidence import AT_IMPORT
from selvawatch.detect.kernels.family import Family
from selvawatch.detect.kernels.harmonic import FITTED_AT_IMPORT


def test_a_kernel_is_made_once_whichever_threads_ask_for_it():
    made = []

    def make(key):
        made.append(key)
        return lambda: key

    family = Family(make, (1, 2))
    assert made == [1, 2]
    with ThreadPoolExecutor(8) as pool:
        kernels = list(pool.map(family.of, [3, 1, 3, 2] * 50))
    assert made == [1, 2, 3]
    assert [kernel() for kernel in kernels] == [3, 1, 3, 2] * 50


def test_the_packaged_model_compiles_no_kernel_at_its_first_run():
    """What a program would compile in the middle of its first run is compiled with the rest."""
    model = fused()
    needed = {
        (index.harmonic.terms, spatial, stream.combine == "sum")
        for stream, index in model.pairs()
        for spatial in (False, True)
    }
    assert needed == set(AT_IMPORT)
    assert {index.harmonic.harmonics for _, index in model.pairs()} <= set(FITTED_AT_IMPORT)
