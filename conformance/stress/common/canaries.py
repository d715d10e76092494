"""Files around a folder that must not change, to see writes outside of the folder."""

from __future__ import annotations

from pathlib import Path

DEPTH = 4


class Canaries:
    """Nested folders below `place`, with a file `name` in each; use `folder`, in the innermost."""

    def __init__(self, place: Path, *, name: str = "canary", content: bytes = b"canary") -> None:
        self._levels = [place, *(place.joinpath(*["inner"] * depth) for depth in range(1, DEPTH + 1))]
        self.folder = self._levels[-1] / "folder"
        self.folder.mkdir(parents=True)
        for level in self._levels:
            (level / name).write_bytes(content)
        self._before = self._around()

    def changed(self) -> list[str]:
        """Return the files that were added, removed or changed since the last call, relative to `place`."""
        now, before = self._around(), self._before
        self._before = now
        changed = [path for path in now.keys() | before.keys() if now.get(path) != before.get(path)]
        return sorted(str(path.relative_to(self._levels[0])) for path in changed)

    def _around(self) -> dict[Path, bytes | None]:
        """Return the entries in all levels except the folder: the content of files, None for anything else."""
        known = {*self._levels, self.folder}
        found = (path for level in self._levels for path in level.iterdir() if path not in known)
        return {path: path.read_bytes() if path.is_file() else None for path in found}
