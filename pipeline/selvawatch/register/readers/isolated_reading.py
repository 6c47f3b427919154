"""Files of strangers are read by a process of their own: it costs no more than it may, and may crash."""

import atexit
import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from glob import escape as glob_escape
from pathlib import Path
from typing import Any

import geopandas as gpd

from selvawatch.errors import LayerError


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingLimits:
    """Most that reading one file may cost."""

    memory_bytes: int = 650 * 1024**2
    vertices: int = 4_000_000
    seconds: float = 45.0


MEMORY_PER_BYTE, VERTICES_PER_BYTE, SECONDS_PER_BYTE = 12.0, 0.1, 1e-6
"""What a byte of a file that somebody has here may cost, where that is more than any file may."""


def limits_for(path: Path | None = None) -> ReadingLimits:
    """Limits of a file from elsewhere, or of one that lies here: more where that one is large."""
    size = 0 if path is None else _size(path)
    least = ReadingLimits()
    return ReadingLimits(
        memory_bytes=max(least.memory_bytes, int(size * MEMORY_PER_BYTE)),
        vertices=max(least.vertices, int(size * VERTICES_PER_BYTE)),
        seconds=max(least.seconds, size * SECONDS_PER_BYTE),
    )


class _Worker:
    """The process, started at the first request and again after one that it did not survive."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def answer(self, request: dict[str, object], seconds: float) -> dict[str, Any]:
        """Its answer.

        Raises
        ------
        TimeoutError
            When it took too long.
        EOFError
            When it ended without an answer.
        """
        with self.lock:
            answer: dict[str, Any] | None = None
            try:
                answer = self._exchange(self._running(), request, seconds)
            finally:
                if answer is None or answer.get("is_spent"):
                    self.stop()
        return answer

    @staticmethod
    def _exchange(
        process: subprocess.Popen[bytes], request: dict[str, object], seconds: float
    ) -> dict[str, Any]:
        if process.stdin is None or process.stdout is None:
            raise EOFError
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise EOFError from None
        with selectors.DefaultSelector() as answers:
            answers.register(process.stdout, selectors.EVENT_READ)
            if not answers.select(seconds):
                raise TimeoutError
        line = process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return dict(json.loads(line))

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            self.stop()
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "selvawatch.register.readers.reading_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        return self.process

    def stop(self) -> None:
        """End the process, if there is one."""
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


_worker = _Worker()
atexit.register(_worker.stop)


def read_isolated(
    path: Path, layer: str | None, *, declared: str, encoding: str, limits: ReadingLimits
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """What `vector_reader.read_source` gives, read by another process within limits.

    Raises
    ------
    LayerError
        What it raises, and for a file that costs too much or ends the process.
    """
    with tempfile.TemporaryDirectory(prefix="selvawatch-") as folder:
        out = Path(folder) / "layer.parquet"
        request: dict[str, object] = {
            "path": str(path.absolute()),
            "layer": layer,
            "declared": declared,
            "encoding": encoding,
            "out": str(out),
            "memory_bytes": limits.memory_bytes,
            "vertices": limits.vertices,
        }
        try:
            answer = _worker.answer(request, limits.seconds)
        except TimeoutError:
            raise LayerError(
                "the layer takes too long to read", where=path, needed=f"{limits.seconds:.0f} s or less"
            ) from None
        except EOFError:
            raise LayerError(
                "the layer cannot be read: its reader ran out of memory or was ended by it", where=path
            ) from None
        if "error" in answer:
            raise LayerError(str(answer["error"]))
        return gpd.read_parquet(out), [str(remark) for remark in answer["remarks"]]


def _size(path: Path) -> int:
    """Bytes of a file and its companions, or of a folder."""
    files = path.rglob("*") if path.is_dir() else path.parent.glob(f"{glob_escape(path.stem)}.*")
    return sum(file.lstat().st_size for file in files if file.is_file())


def _environment() -> dict[str, str]:
    """That of this process, in which the child finds the same package; a dead proxy leads nowhere."""
    paths = [one for one in sys.path if one]
    dead = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    return {
        **os.environ,
        **dead,
        "PYTHONPATH": os.pathsep.join(paths),
        "PROJ_NETWORK": "OFF",
        "OPENBLAS_NUM_THREADS": "1",
        "GDAL_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }
