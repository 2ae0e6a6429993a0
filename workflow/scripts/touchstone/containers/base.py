"""What all containers share: safe names, and reading members one by one or many in a pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from touchstone.errors import out_of_memory, refused_by_system
from touchstone.images import MAX_BYTES, BadImage
from touchstone.memory import is_short

Contents = Iterator[tuple[str, bytes | BadImage]]


def is_safe(name: str) -> bool:
    """Whether a member name stays inside its container, and can be written down as UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:  # names of other encodings have lone surrogates
        return False
    return bool(name) and "\\" not in name and "\0" not in name and name[0] != "/" and "/../" not in f"/{name}/"


class Container(ABC):
    """Something that images are read out of; see the package for what its methods promise."""

    @abstractmethod
    def members(self) -> Iterator[str]:
        """Names of all members but folders, in the order of the archive; a name can occur twice."""

    @abstractmethod
    def read_many(self, wanted: Iterable[str]) -> Contents:
        """Each wanted member with its bytes or why they cannot be had, in the order of the archive.

        A member is given once, whatever ``wanted`` says; only in a stream a name that occurs twice is given
        twice, as nobody can tell beforehand. The last one counts, as it does for zip tools and tar.
        """

    def streams(self, wanted: Iterable[str]) -> list[Contents]:
        """``read_many`` in parts that threads can read at the same time."""
        return [self.read_many(wanted)]

    def read(self, member: str) -> bytes:
        """Bytes of one member.

        Raises:
            BadImage: ``missing_member``, ``corrupt_member`` or ``too_many_bytes``.
        """
        *_, (_, data) = self.read_many([member])
        if isinstance(data, BadImage):
            raise data
        return data

    def close(self) -> None:  # noqa: B027 - most containers hold files open, a folder does not
        """Let go of open files."""


def missing(member: str) -> BadImage:
    return BadImage("missing_member", member)


def too_large(n_bytes: int) -> BadImage | None:
    """The refusal of a member of so many bytes, if they are too many."""
    return BadImage("too_many_bytes", f"{n_bytes:,} bytes") if n_bytes > MAX_BYTES else None


def corrupt(why: object) -> BadImage:
    """Why a member gives no image; what the system refused is no fault of the member's.

    Raises:
        TouchstoneError: ``why`` is such a refusal. The next try may read what this one could not.
    """
    if isinstance(why, OSError) and (told := refused_by_system(why, "a file of the origin")):
        raise told from why
    if isinstance(why, MemoryError) and is_short():
        raise out_of_memory("reading a file of the origin") from why
    text = f"{type(why).__name__}: {why}" if isinstance(why, Exception) else str(why)
    return BadImage("corrupt_member", text[:200])
