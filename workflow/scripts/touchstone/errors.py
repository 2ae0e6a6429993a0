"""The one error a user is meant to read: what is wrong, where, and how to mend it."""

from __future__ import annotations


class TouchstoneError(Exception):
    """A mistake in the input or the surroundings, not in the code.

    Args:
        what: What is wrong, in one sentence.
        where: File, card, key or row it was found in.
        mend: What to do about it.
    """

    def __init__(self, what: str, where: object = None, mend: str | None = None):
        self.what, self.where, self.mend = what, where, mend
        lines = [what]
        if where is not None:
            lines.append(f"  where: {where}")
        if mend:
            lines.append(f"  mend:  {mend}")
        super().__init__("\n".join(lines))
