"""Secrets out of what is said: credentials inside of addresses, and what secret variables of the environment hold.

A library that masks by patterns (scrubadub, logredactor) knows neither this process's own secrets nor error lines that never were
log records; standard library only, since the errors of every room rest on this.
"""

from __future__ import annotations

import logging
import os
import re
import traceback
from typing import Any

HIDDEN = "***"
NAMES = re.compile(
    r"(PASSWORD|PASSWD|SECRET|TOKEN|AUTH_STRING|ACCESS_KEY|API_KEY|SECRET_KEY|PRIVATE_KEY|CREDENTIALS)(_ID)?$|^DATABASE_URL$"
)
SHORTEST = 6  # characters: a shorter value of such a variable is found in any text
IN_ADDRESS = re.compile(r"(?<=://)[^\s/@'\"]*@")  # user:password@
IN_QUERY = re.compile(
    r"(?i)([?&](?:[a-z-]*signature|x-amz-credential|x-amz-security-token|sig|token|access_token|password|secret|api_?key)=)[^&\s'\"]+"
)


def without_secrets(text: str) -> str:
    """The text with *** in place of each."""
    if "://" in text:
        text = IN_QUERY.sub(rf"\1{HIDDEN}", IN_ADDRESS.sub(f"{HIDDEN}@", text))
    for secret in _known():
        text = text.replace(secret, HIDDEN)
    return text


def hide_secrets_in_logs() -> None:
    """From now on, in every log record of this process, of whatever library: in its message and in its traceback."""
    before = logging.getLogRecordFactory()
    if getattr(before, "hides_secrets", False):
        return

    def record(*arguments: Any, **named: Any) -> logging.LogRecord:
        made = before(*arguments, **named)
        try:
            said = made.getMessage()
        except (TypeError, ValueError, KeyError):  # arguments that do not fit: logging says so itself
            return made
        if (clean := without_secrets(said)) != said:
            made.msg, made.args = clean, ()
        if made.exc_info and made.exc_info[0]:
            made.exc_text = without_secrets("".join(traceback.format_exception(*made.exc_info)).rstrip("\n"))
        return made

    record.hides_secrets = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(record)


def _known() -> list[str]:
    """The longest first: a password may be a part of a longer secret. Of user:password, the password too."""
    whole = {value for name, value in os.environ.items() if NAMES.search(name.upper())}
    parts = {value.partition(":")[2] for value in whole}
    in_addresses = {
        password
        for value in os.environ.values()
        if "://" in value
        for found in IN_ADDRESS.findall(value)
        for password in (found[:-1].partition(":")[2], found[:-1])
    }
    return sorted((one for one in whole | parts | in_addresses if len(one) >= SHORTEST), key=len, reverse=True)
