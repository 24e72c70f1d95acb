"""Whether a newer Bursar is out, where a person lets the doctor ask."""

from app.core.errors import AppError
from app.services.doctor.finding import Finding, Level
from app.services.releases import find_newer, installed_version
from app.services.settings import Settings

SUBJECT = "Bursar"


def release_findings(settings: Settings) -> list[Finding]:
    """None where it is not to be asked, which is the default. A feed that cannot be read is a note."""
    if not settings.update_check:
        return []
    try:
        release = find_newer(settings)
    except AppError as error:
        return [Finding(Level.NOTE, SUBJECT, error.title, error.message)]
    if release is None:
        return [Finding(Level.FINE, SUBJECT, f"Version {installed_version()} is the newest")]
    title = f"Version {release.version} is out since {release.released:%d %b %Y}"
    return [Finding(Level.NOTE, SUBJECT, title, f"This is {installed_version()}.", f"See {release.notes}")]
