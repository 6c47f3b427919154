"""What stands on the ground of the harder world, and how its reflectance goes on: classes, breaks, courses.

Reflectances are typical surface reflectances of the cover (bands of STAC: blue, green, red, nir, swir16,
swir22). Where a course was published it is followed:

* die-off of bamboo (Guadua): the stand dries over months after flowering, near infrared falls by about a
  third while the canopy of trees between stays, and recovers over years (de Carvalho et al. 2013,
  doi 10.1371/journal.pone.0054852: die-off seen as a fall of MODIS NIR; patches of some 330 ha on average).
* windthrow: crowns are gone in a day, dry wood and litter show for months (Negron-Juarez et al. 2010,
  doi 10.1029/2010GL043733), forest returns in years.
* selective logging: gaps of a fifth of a pixel or less that close within one to two years (Asner et al. 2004,
  Global Change Biology 10, 765-783).
* ponds of alluvial mining: turbid at first, greener as silt settles and algae grow (Gerson et al. 2020,
  doi 10.1126/sciadv.abd4953, on how many there are).
* a meander: the outer bank is lost by strips, the inner one gets bare sand that grass covers.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage as ndi

FOREST = np.array([0.025, 0.050, 0.030, 0.330, 0.160, 0.070], np.float32)
SECONDARY = np.array([0.028, 0.060, 0.032, 0.390, 0.190, 0.080], np.float32)
BAMBOO = np.array([0.027, 0.057, 0.033, 0.380, 0.180, 0.080], np.float32)
DRY_BAMBOO = np.array([0.040, 0.062, 0.058, 0.255, 0.205, 0.120], np.float32)
SOIL = np.array([0.080, 0.120, 0.170, 0.250, 0.350, 0.280], np.float32)
SAND = np.array([0.120, 0.160, 0.200, 0.280, 0.360, 0.300], np.float32)
TURBID = np.array([0.080, 0.110, 0.100, 0.070, 0.030, 0.020], np.float32)
GREEN_POND = np.array([0.045, 0.085, 0.050, 0.060, 0.020, 0.012], np.float32)
GRASS = np.array([0.040, 0.080, 0.060, 0.300, 0.240, 0.130], np.float32)
LITTER = np.array([0.055, 0.080, 0.100, 0.200, 0.270, 0.210], np.float32)
BURNT = np.array([0.035, 0.045, 0.050, 0.100, 0.170, 0.170], np.float32)
RIVER = np.array([0.070, 0.100, 0.110, 0.090, 0.030, 0.020], np.float32)

STABLE, CLEARING, PIT, DIE_OFF, LOGGING, WINDTHROW, FALLOW, WATER, REGROWTH, OTHER = range(10)
"""Codes of `class_T.npy`."""

NONE = np.int32(0)


@dataclass
class Ground:
    """The ground of one seed: (y, x) arrays, changed by each factor that is laid on it."""

    rng: np.random.Generator
    size: int
    first: int
    """Days since 1970 of the first day, of the end of the history, and of the last day."""
    history_end: int
    last: int
    kind: np.ndarray = field(init=False)
    """uint8 class."""
    break_day: np.ndarray = field(init=False)
    """int32 day of the loss of forest, 0 = none."""
    share: np.ndarray = field(init=False)
    """float32 share of the pixel that changes."""
    change_day: np.ndarray = field(init=False)
    """int32 day on which its course begins, 0 = none."""
    base: np.ndarray = field(init=False)
    """float32 (6, y, x) reflectance of what stood there first."""

    def __post_init__(self) -> None:
        """Forest everywhere, with the patchiness of crowns."""
        shape = (self.size, self.size)
        self.kind = np.zeros(shape, np.uint8)
        self.break_day, self.change_day = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        self.share = np.zeros(shape, np.float32)
        crowns = np.stack([smooth(self.rng, shape, 3) for _ in range(6)])
        self.base = FOREST[:, None, None] * (1 + 0.06 * crowns)

    @property
    def free(self) -> np.ndarray:
        """bool: stable forest on which nothing is laid yet."""
        return self.kind == STABLE

    def patches(self, share: float, across_px: float) -> tuple[np.ndarray, np.ndarray, int]:
        """Free ground in patches of about so many pixels across: mask, label, and how many there are."""
        values = smooth(self.rng, (self.size, self.size), across_px / 2)
        mask = (values > np.quantile(values, 1 - share)) & self.free
        labels, count = ndi.label(mask)
        return mask, labels, count

    def days(self, count: int, first: int, last: int) -> np.ndarray:
        """int32 (count + 1,): a day for each patch; that of label 0 is not used."""
        return self.rng.integers(first, max(first + 1, last), count + 1).astype(np.int32)

    def lay(self, mask: np.ndarray, kind: int, days: np.ndarray, share: np.ndarray, is_loss: bool) -> None:
        """Write a class and its course on ground."""
        self.kind[mask] = kind
        self.change_day[mask] = days[mask]
        self.share[mask] = np.clip(share, 0.0, 1.0)[mask]
        if is_loss:
            self.break_day[mask] = days[mask]

    @property
    def year(self) -> tuple[int, int]:
        """First and last day on which losses of the monitored year begin, so that each can still be seen."""
        return self.history_end + 20, self.last - 90


def smooth(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """float32 (y, x): a random field of that scale, mean 0, deviation 1."""
    values = ndi.gaussian_filter(rng.standard_normal(shape).astype(np.float32), sigma, mode="wrap")
    return (values - values.mean()) / values.std()


def losses(ground: Ground, small: bool, mixed: bool) -> None:
    """Clearings and pits of the monitored year, the base of every world; some grow day by day.

    small: pits of one to four pixels beside them. mixed: their rims are cleared in part.
    """
    rng = ground.rng
    for kind, share, across in ((CLEARING, 0.05, 9.0), (PIT, 0.05, 7.0)):
        mask, labels, count = ground.patches(share, across)
        days = ground.days(count, *ground.year)[labels]
        inside = ndi.distance_transform_edt(mask)
        grows = (rng.random(count + 1) < 0.4)[labels]
        days = np.where(grows, days + (3.0 * (inside.max() - inside)).astype(np.int32), days)
        part = rng.uniform(0.65, 1.0, count + 1)[labels] + 0.05 * rng.standard_normal(mask.shape)
        if mixed:
            part = np.where(inside <= 1, part * rng.uniform(0.2, 0.9, mask.shape), part)
        keep = mask & (days < ground.last - 60)
        ground.lay(keep, kind, days, part, is_loss=True)
        ground.break_day[keep & (ground.share < 0.3)] = NONE
        ground.kind[keep & (ground.share < 0.3)] = OTHER
    if small:
        seeds = (rng.random(ground.kind.shape) < 0.002) & ground.free
        mask = ndi.binary_dilation(seeds, iterations=1) & ground.free & (rng.random(seeds.shape) < 0.5)
        labels, count = ndi.label(mask | seeds)
        days = ground.days(count, *ground.year)[labels]
        ground.lay(mask | seeds, PIT, days, rng.uniform(0.5, 1.0, mask.shape), is_loss=True)


def bamboo(ground: Ground, share: float = 0.30) -> None:
    """Stands of Guadua of which half die off in the monitored year, some in the history, the rest never."""
    rng = ground.rng
    mask, labels, count = ground.patches(share, 40.0)
    canopy = np.clip(0.5 + 0.2 * smooth(rng, mask.shape, 4), 0.2, 0.95)
    stand = BAMBOO[:, None, None] * canopy + ground.base * (1 - canopy)
    ground.base = np.where(mask[None], stand, ground.base)
    fate = rng.random(count + 1)[labels]
    dying = mask & (fate < 0.5)
    early = mask & (fate >= 0.5) & (fate < 0.7)
    days = ground.days(count, ground.history_end - 60, ground.history_end + 150)[labels]
    jitter = (10 * smooth(rng, mask.shape, 6)).astype(np.int32)
    ground.lay(dying, DIE_OFF, days + jitter, canopy, is_loss=False)
    past = ground.days(count, ground.first + 200, ground.history_end - 300)[labels]
    ground.lay(early, DIE_OFF, past + jitter, canopy, is_loss=False)


def logging(ground: Ground) -> None:
    """Gaps of single trees and skid trails: small parts of scattered pixels."""
    mask, labels, count = ground.patches(0.08, 30.0)
    rng = ground.rng
    hit = mask & (rng.random(mask.shape) < 0.25)
    days = ground.days(count, ground.history_end - 100, ground.last - 60)[labels]
    days = days + rng.integers(0, 60, mask.shape).astype(np.int32)
    ground.lay(hit, LOGGING, days, rng.uniform(0.08, 0.25, mask.shape), is_loss=False)


def windthrow(ground: Ground) -> None:
    """Swathes on one day, with the forest's edge left standing in part."""
    mask, labels, count = ground.patches(0.04, 12.0)
    days = ground.days(count, *ground.year)[labels]
    part = np.clip(0.75 + 0.15 * smooth(ground.rng, mask.shape, 1.5), 0.45, 1.0)
    ground.lay(mask, WINDTHROW, days, part, is_loss=True)


def fallow(ground: Ground) -> None:
    """Young secondary growth, cleared before the history, of which half is tilled again."""
    rng = ground.rng
    mask, labels, count = ground.patches(0.08, 12.0)
    ground.base = np.where(
        mask[None], SECONDARY[:, None, None] * (1 + 0.05 * rng.standard_normal()), ground.base
    )
    tilled = mask & (rng.random(count + 1) < 0.5)[labels]
    days = ground.days(count, *ground.year)[labels]
    ground.lay(mask, FALLOW, np.zeros_like(days), np.zeros(mask.shape), is_loss=False)
    ground.lay(tilled, FALLOW, days, rng.uniform(0.7, 1.0, mask.shape), is_loss=False)


def regrowth(ground: Ground) -> None:
    """Ground that was cleared in the history and grows over."""
    mask, labels, count = ground.patches(0.06, 12.0)
    days = ground.days(count, ground.first + 60, ground.first + 500)[labels]
    ground.lay(mask, REGROWTH, days, ground.rng.uniform(0.7, 1.0, mask.shape), is_loss=False)


def felled_and_burnt(ground: Ground) -> None:
    """Clearings that are felled, dry for two months, and are burnt."""
    mask, labels, count = ground.patches(0.04, 9.0)
    days = ground.days(count, *ground.year)[labels]
    ground.lay(mask, CLEARING, days, ground.rng.uniform(0.8, 1.0, mask.shape), is_loss=True)


def ponds(ground: Ground) -> None:
    """Old ponds that turn from turbid to green, and dry out or fill with the season."""
    mask, labels, count = ground.patches(0.04, 8.0)
    ground.base = np.where(mask[None], TURBID[:, None, None], ground.base)
    days = ground.days(count, ground.first, ground.history_end)[labels]
    ground.lay(mask, WATER, days, np.ones(mask.shape), is_loss=False)


def meander(ground: Ground) -> None:
    """A river that takes its outer bank by strips of some 25 m a year and leaves sand on the inner one."""
    rng, size = ground.rng, ground.size
    y, x = np.indices((size, size)).astype(np.float32)
    bend = size * (0.5 + 0.18 * np.sin(2 * np.pi * (y / size * rng.uniform(1.2, 2.0) + rng.random())))
    across, width = x - bend, rng.uniform(4.0, 7.0)
    river = np.abs(across) < width
    ground.base = np.where(river[None], RIVER[:, None, None], ground.base)
    ground.lay(river, WATER, np.zeros((size, size), np.int32), np.zeros((size, size)), is_loss=False)
    pace = rng.uniform(0.8, 1.6) / 365.25
    for side in (1, -1):
        strip = (side * across >= width) & (side * across < width + 3) & ground.free
        day = ground.first + 400 + ((side * across - width) / pace).astype(np.int32)
        lost = strip & (day < ground.last) & (side > 0)
        ground.lay(lost, WATER, day, np.ones((size, size)), is_loss=False)
        ground.break_day[lost & (day > ground.history_end + 1)] = day[lost & (day > ground.history_end + 1)]


def reflectance(ground: Ground, day: int) -> np.ndarray:
    """float32 (6, y, x): what the ground reflects on a day, without season, light and noise."""
    since = np.where(ground.change_day > 0, day - ground.change_day, -1).astype(np.float32)
    begun = since >= 0
    cover = ground.share[None]
    target = _target(ground, since)
    strength = np.where(begun, _strength(ground.kind, since), 0.0)[None]
    return ground.base * (1 - cover * strength) + target * (cover * strength)


def _strength(kind: np.ndarray, since: np.ndarray) -> np.ndarray:
    """float32 (y, x) 0-1: how far the course of a class has come."""
    return np.select(
        [
            np.isin(kind, (CLEARING, PIT, FALLOW, WATER, OTHER)),
            kind == DIE_OFF,
            kind == LOGGING,
            kind == WINDTHROW,
            kind == REGROWTH,
        ],
        [
            1.0,
            np.clip(since / 240.0, 0, 1) * np.exp(-np.clip(since - 400.0, 0, None) / 700.0),
            np.exp(-since / 300.0),
            np.exp(-since / 1200.0),
            np.exp(-since / 400.0),
        ],
        0.0,
    ).astype(np.float32)


def _target(ground: Ground, since: np.ndarray) -> np.ndarray:
    """float32 (6, y, x): what a pixel turns into, so many days after its change began."""
    kind, shape = ground.kind, ground.kind.shape
    grown = np.clip((since - 60.0) / 250.0, 0, 0.8)[None]
    burnt = ((since > 60) & (since < 110))[None]
    bare = np.where(burnt, BURNT[:, None, None], SOIL[:, None, None])
    field_ = bare * (1 - grown) + GRASS[:, None, None] * grown
    settled = np.clip(since / 500.0, 0, 1)[None]
    pond = TURBID[:, None, None] * (1 - settled) + GREEN_POND[:, None, None] * settled
    is_pond = (_hashed(shape, 7) < 0.35)[None]
    pit = np.where(is_pond, pond, SOIL[:, None, None])
    out = np.broadcast_to(SOIL[:, None, None], (6, *shape))
    for code, values in (
        (CLEARING, field_),
        (PIT, pit),
        (FALLOW, field_),
        (DIE_OFF, DRY_BAMBOO[:, None, None]),
        (LOGGING, LITTER[:, None, None]),
        (WINDTHROW, LITTER[:, None, None] * (1 - grown) + GRASS[:, None, None] * grown),
        (WATER, pond),
        (REGROWTH, GRASS[:, None, None]),
    ):
        out = np.where((kind == code)[None], values, out)
    return out.astype(np.float32)


def _hashed(shape: tuple[int, int], side: int) -> np.ndarray:
    """float (y, x) 0-1, the same for every pixel of a square of that side."""
    rows, columns = np.indices(shape) // side
    return np.modf(np.sin(rows * 12.9898 + columns * 78.233) * 43758.5453)[0] % 1.0
