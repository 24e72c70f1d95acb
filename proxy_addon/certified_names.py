"""The names that the meter's own CA may vouch for: those of the metered hosts, and nothing above them.

A certificate's name constraint is a domain with all that is below it (RFC 5280, section 4.2.1.10). Where the customer
or the region stands first in a name, the rest is such a domain. Where it stands further in, the rest would be the whole
cloud (`googleapis.com` with its logins and storage), so there each region has its own line. A region that is missing
here is refused by the forward proxy, not passed by; the gateway reaches it all the same.

Regions: AWS, "AWS Regions" of the general reference; Google, "Locations" of the Vertex AI documentation; both as of
November 2026.
"""

from functools import cache

from proxy_addon.service_table import SERVICES

_AWS = (
    "us-east-1 us-east-2 us-west-1 us-west-2 us-gov-east-1 us-gov-west-1 ca-central-1 ca-west-1 mx-central-1 sa-east-1 "
    "eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 "
    "me-central-1 me-south-1 af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 "
    "ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 "
    "ap-southeast-7"
)
_AWS_CHINA = "cn-north-1 cn-northwest-1"
_GOOGLE = (
    "us eu us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3 us-west4 "
    "northamerica-northeast1 northamerica-northeast2 northamerica-south1 southamerica-east1 southamerica-west1 "
    "africa-south1 europe-central2 europe-north1 europe-north2 europe-southwest1 europe-west1 europe-west2 "
    "europe-west3 europe-west4 europe-west6 europe-west8 europe-west9 europe-west10 europe-west12 asia-east1 "
    "asia-east2 asia-northeast1 asia-northeast2 asia-northeast3 asia-south1 asia-south2 asia-southeast1 "
    "asia-southeast2 asia-southeast3 australia-southeast1 australia-southeast2 me-central1 me-central2 me-west1"
)
_REGIONS = {".amazonaws.com": _AWS, ".api.aws": _AWS, ".amazonaws.com.cn": _AWS_CHINA, ".googleapis.com": _GOOGLE}
_PLACEHOLDERS = ("{label}", "{region}")


@cache
def certified_domains() -> tuple[str, ...]:
    """The domains of all metered hosts that are reached by TLS, sorted, none below another."""
    found = {
        domain
        for service in SERVICES
        if service.scheme == "https"
        for name in service.hosts.names
        for domain in _domains_of(name)
    }
    return tuple(sorted(domain for domain in found if not covers(found - {domain}, domain)))


def covers(domains: set[str] | frozenset[str] | tuple[str, ...], host: str) -> bool:
    """Whether a host is one of the domains or below one."""
    parts = host.lower().rstrip(".").split(".")
    return any(".".join(parts[start:]) in domains for start in range(len(parts)))


def _domains_of(name: str) -> list[str]:
    """`name` as the table of services has it."""
    while (first := name.partition("."))[0] in _PLACEHOLDERS:
        name = first[2]
    if "{" not in name:
        return [name]
    regions = next(regions for ending, regions in _REGIONS.items() if name.endswith(ending))
    return [name.replace("{region}", region).replace("{label}", region) for region in regions.split()]
