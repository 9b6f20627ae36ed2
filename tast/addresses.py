"""Who reaches a server that listens on an address, and what of an address may be shown."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from tast.errors import TastError

LOOPBACK = "127.0.0.1"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens on `host`, a name or an IPv4 or IPv6 address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown(url: str) -> str:
    """A URL without what may be secret in it: user, password, query."""
    where = urlsplit(url)
    host = where.hostname or ""
    return f"{where.scheme}://{host}{f':{where.port}' if where.port else ''}{where.path}"


def refuse_secrets(url: str, *, user_too: bool) -> None:
    """Raises TastError where a URL holds a password, or a user name where that is half of the credentials."""
    where = urlsplit(url)
    if where.password or (user_too and where.username):
        raise TastError(f"{shown(url)}: the URL holds credentials, which would end up in files and logs; hand them over apart")
