"""Object stores that fsspec knows (s3://, gs://, ssh://, ...): how they are opened, and what their failures are.

Credentials are those that a store's own library finds: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL for s3.
"""

from __future__ import annotations

from aiohttp import ClientError
from botocore.exceptions import BotoCoreError, NoCredentialsError
from fsspec.core import url_to_fs
from fsspec.spec import AbstractFileSystem

from tast.addresses import shown
from tast.errors import BadInput, TastError

REFUSED = (PermissionError, NoCredentialsError)
FAILURES = (OSError, BotoCoreError, ClientError)  # what the stores' libraries raise where a connection or a server fails


def open_store(url: str) -> tuple[AbstractFileSystem, str]:
    """The store, and the path in it. Raises BadInput where the protocol is unknown, TastError where its library is not there."""
    try:
        files, path = url_to_fs(url)
    except ValueError as error:
        raise BadInput(shown(url), str(error), "https://, s3:// or another protocol of fsspec") from None
    except ImportError as error:
        raise TastError(f"{shown(url)}: {error}") from None
    return files, str(path)
