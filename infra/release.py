"""Which release of Perdure this is."""

from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "perdure"


def own_version() -> str | None:
    """The version of the installed package; None where it runs without having been installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return None
