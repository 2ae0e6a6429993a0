"""What the name of an archive tells before it is there; needs nothing, so the plan can know it."""

from __future__ import annotations

# Read from front to back. A 7z may be solid, which only its own header says, so all count as that.
STREAMED = (".7z", ".7z.001", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")


def is_streamed(name: str) -> bool:
    """Whether members of the archive are not read one by one, but all of it from front to back."""
    return name.lower().endswith(STREAMED)
