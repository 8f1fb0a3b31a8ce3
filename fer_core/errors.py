"""Errors meant for people: one sentence that says what is wrong, with what, and what to do."""


class FerError(Exception):
    """Base of every error that a command line shows as one sentence (exit code 2)."""


class DataError(FerError):
    """Pictures, labels or a dataset's layout are not what they should be."""


class PictureError(DataError):
    """One picture can't be read."""


class ProtocolError(FerError):
    """The test split would have reached something that fits, chooses or calibrates."""


class ModelStoreError(FerError):
    """A stored model is missing, damaged, unlisted or made by incompatible versions."""


class MissingExtraError(FerError):
    """An optional dependency is not installed."""


def first_line(error: Exception) -> str:
    """Return the first line of another library's message, which may go on for pages."""
    return (str(error).strip().splitlines() or ["no message"])[0]
