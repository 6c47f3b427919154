# ruff: noqa
# fmt: off
"""Synthetic, seeded reference cube for change detection and its benchmarks.

Scene: tropical lowland forest with weak seasonality; 20 % of the pixels turn, in
connected patches, into mine (bare soil / turbid pond mixture) during the monitoring
year.  Clouds: spatially correlated, season-modulated, 40 % of observations on average,
stored as nodata.  A small share of *unmasked* haze / shadow stays in the clear data
(the realistic part that separates the algorithms).

Outputs (npz-free, plain .npy so that they can be memory-mapped):
  refl_<tag>.npy   int16 (T, 6, Y, X) reflectance*10000, -9999 = nodata  (b,g,r,nir,sw1,sw2)
  ndvi_<tag>.npy   float32 (T, Y, X) NaN = nodata
  ndvi16_<tag>.npy int16 (T, Y, X) NDVI*10000, -32768 = nodata
  s1_<tag>.npy     float32 (Ts, 2, Y, X) dB (VV, VH), 12-day, one orbit
  meta_<tag>.npz   days, s1_days (days since 1970), truth break day (0 = none), hist_end day
"""
import argparse, os, datetime as dt
import numpy as np
from scipy import ndimage as ndi

BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")
FOREST = np.array([0.025, 0.050, 0.030, 0.330, 0.160, 0.070], np.float32)
SOIL = np.array([0.080, 0.120, 0.170, 0.250, 0.350, 0.280], np.float32)
POND = np.array([0.080, 0.110, 0.100, 0.070, 0.030, 0.020], np.float32)
CLOUD = np.array([0.35, 0.36, 0.37, 0.45, 0.35, 0.25], np.float32)
EPOCH = dt.date(1970, 1, 1)


def day(y, m, d):
    return (dt.date(y, m, d) - EPOCH).days


def smooth(rng, shape, sigma):
    f = ndi.gaussian_filter(rng.standard_normal(shape).astype(np.float32), sigma, mode="wrap")
    return (f - f.mean()) / f.std()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--size", type=int, default=500)
    ap.add_argument("--step", type=float, default=8.0, help="nominal revisit in days")
    ap.add_argument("--outlier", type=float, default=0.02, help="unmasked haze/shadow share of clear obs")
    ap.add_argument("--fmin", type=float, default=0.45, help="smallest mine share of a changed pixel")
    ap.add_argument("--fmax", type=float, default=1.0)
    ap.add_argument("--tag", default="main")
    ap.add_argument("--seed", type=int, default=20)
    ap.add_argument("--out", required=True)
    ap.add_argument("--no-s1", action="store_true")
    a = ap.parse_args()
    rng = np.random.default_rng(a.seed)
    n = a.size
    t0, hist_end, t1 = day(2020, 1, 1), day(2022, 12, 31), day(2023, 12, 31)
    days = np.arange(t0, t1 + 1, a.step)
    days = np.unique(np.clip(np.round(days + rng.integers(-2, 3, days.size)), t0, t1).astype(np.int32))
    T = days.size

    # --- truth: connected patches, each with its own date --------------------------------
    f = smooth(rng, (n, n), n / 60)
    chg = f > np.quantile(f, 0.80)
    lab, k = ndi.label(chg)
    pdate = rng.integers(day(2023, 1, 20), day(2023, 10, 1), k + 1)
    brk = np.where(chg, pdate[lab], 0).astype(np.int32)
    frac = np.clip(rng.uniform(a.fmin, a.fmax, k + 1)[lab] + 0.08 * rng.standard_normal((n, n)), min(0.3, a.fmin), 1.0).astype(np.float32)
    pondp = (rng.random(k + 1) < 0.3)[lab]
    target = np.where(pondp[None], POND[:, None, None], SOIL[:, None, None]).astype(np.float32)

    # --- static forest variability, seasonality -------------------------------------------
    base = FOREST[:, None, None] * (1 + 0.06 * np.stack([smooth(rng, (n, n), 3) for _ in range(6)]))
    amp = 0.06 * (1 + 0.3 * smooth(rng, (n, n), 8))
    pha = 0.3 * smooth(rng, (n, n), 12)
    band_season = np.array([0.3, 0.4, 0.5, 1.0, 0.6, 0.5], np.float32)
    noise = np.array([0.0040, 0.0045, 0.0050, 0.018, 0.010, 0.007], np.float32)

    os.makedirs(a.out, exist_ok=True)
    refl = np.lib.format.open_memmap(f"{a.out}/refl_{a.tag}.npy", "w+", np.int16, (T, 6, n, n))
    ndvi = np.lib.format.open_memmap(f"{a.out}/ndvi_{a.tag}.npy", "w+", np.float32, (T, n, n))
    nd16 = np.lib.format.open_memmap(f"{a.out}/ndvi16_{a.tag}.npy", "w+", np.int16, (T, n, n))
    for i, d in enumerate(days):
        w = 2 * np.pi * (d - t0) / 365.25
        season = amp * np.cos(w + pha) + 0.3 * amp * np.cos(2 * w)
        r = base * (1 + band_season[:, None, None] * season)
        m = (brk > 0) & (d >= brk)
        r = np.where(m[None], (1 - frac) * r + frac * target, r)
        r = r * (1 + 0.012 * rng.standard_normal())                      # scene gain
        r = r + noise[:, None, None] * rng.standard_normal((6, n, n)).astype(np.float32)
        # clouds: 40 % mean, 20..60 % with the season, spatially correlated
        p = np.clip(0.40 + 0.20 * np.cos(w - 0.3) + 0.15 * rng.standard_normal(), 0.02, 0.97)
        cf = smooth(rng, (n, n), 14) + 0.3 * smooth(rng, (n, n), 2)
        cloudy = cf > np.quantile(cf, 1 - p)
        if a.outlier > 0:
            o = (rng.random((n, n)) < a.outlier) & ~cloudy
            o = ndi.binary_dilation(o & (rng.random((n, n)) < 0.35), iterations=1) & ~cloudy
            haze = rng.random((n, n)) < 0.6
            t = rng.uniform(0.15, 0.6, (n, n)).astype(np.float32)
            hz = (1 - t) * r + t * CLOUD[:, None, None]
            sh = r * (1 - t * np.array([0.4, 0.5, 0.5, 0.75, 0.75, 0.7], np.float32)[:, None, None])
            r = np.where((o & haze)[None], hz, np.where((o & ~haze)[None], sh, r))
        r = np.clip(r, 0.001, 1.2)
        v = (r[3] - r[2]) / (r[3] + r[2])
        v = np.where(cloudy, np.nan, v).astype(np.float32)
        ndvi[i] = v
        nd16[i] = np.where(cloudy, -32768, np.round(np.nan_to_num(v) * 10000)).astype(np.int16)
        refl[i] = np.where(cloudy[None], -9999, np.round(r * 10000)).astype(np.int16)
    s1_days = np.arange(t0 + 3, t1, 12).astype(np.int32)
    if not a.no_s1:
        s1 = np.lib.format.open_memmap(f"{a.out}/s1_{a.tag}.npy", "w+", np.float32, (s1_days.size, 2, n, n))
        enl = 20.0                                                       # 30 m multilooked RTC
        f0 = 10 ** (np.array([-7.5, -13.3])[:, None, None] / 10) * (1 + 0.10 * np.stack([smooth(rng, (n, n), 2) for _ in range(2)]))
        nf0 = 10 ** (np.array([-12.0, -19.0])[:, None, None] / 10)
        for i, d in enumerate(s1_days):
            w = 2 * np.pi * (d - t0) / 365.25
            g = 10 ** (0.03 * np.cos(w) + 0.02 * rng.standard_normal())
            m = ((brk > 0) & (d >= brk)).astype(np.float32)
            sig = (1 - m * frac)[None] * f0 * g + (m * frac)[None] * nf0 * (1 + 0.25 * rng.standard_normal())
            sp = rng.gamma(enl, 1 / enl, (2, n, n))
            s1[i] = 10 * np.log10(np.maximum(sig * sp, 1e-5))
    np.savez(f"{a.out}/meta_{a.tag}.npz", days=days, s1_days=s1_days, brk=brk, hist_end=hist_end, frac=frac, pond=pondp)
    cl = np.isnan(ndvi).mean()
    print(dict(T=T, hist=int((days <= hist_end).sum()), cloud=float(cl), change=float(chg.mean()), patches=int(k),
               ndvi_forest=float(np.nanmean(ndvi[:50])), s1=s1_days.size))


if __name__ == "__main__":
    main()
