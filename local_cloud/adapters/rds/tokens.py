"""Whether a token of IAM lets somebody into a database: its signature, its age, and the policies of who signed it.

Source: Aurora user guide, "Creating and using an IAM policy for IAM database access": action rds-db:connect on
arn:aws:rds-db:<region>:<account>:dbuser:<resource id>/<user>. The emulator does the same for MySQL only.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs

from local_cloud.adapters import roles
from local_cloud.patching import original
from local_cloud.settings import ACCOUNT, LOOPBACK, REGION

STS = "ministack.services.sts"
LIFE_SECONDS = 900
IAM, EVALUATOR = "ministack.core.rds_iam", "ministack.core.iam_evaluator"
CONNECT = "rds-db:connect"
logger = logging.getLogger("slipway.rds")


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Judges tokens for the endpoint of one database. `resource_id` is as RDS names it in ARNs of users."""

    port: int
    resource_id: str

    def may_enter(self, user: str, token: str) -> bool:
        """Whether a token is good for this endpoint and user, and whoever signed it may connect as that user."""
        with _ending(_signer(token)):
            verified = original(IAM, "verify_rds_iam_token")(
                token,
                hostname=LOOPBACK,
                port=self.port,
                db_user=user,
                region=REGION,
                account_id=ACCOUNT,
            )
        if isinstance(verified, original(IAM, "RdsIamTokenError")):
            logger.warning("token of %s refused: %s", user, verified.code)
            return False
        if not roles.enforced():
            return True
        denied = original(EVALUATOR, "enforce")(
            verified.access_key_id,
            CONNECT,
            "rds-db",
            REGION,
            resource_arn=f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{self.resource_id}/{user}",
            service_context={},
        )
        if denied is not None:
            logger.warning("%s may not connect as %s", verified.principal_arn, user)
        return denied is None


def _signer(token: str) -> str:
    """The access key that a token names; empty when it names none."""
    named = parse_qs(token.partition("?")[2]).get("X-Amz-Credential", [""])
    return named[0].partition("/")[0]


@contextmanager
def _ending(access_key: str) -> Iterator[None]:
    """Sessions of functions and jobs have no end in the emulator, whose check of tokens asks for one: AWS's have."""
    session = original(STS, "_sessions").get(access_key)
    if session is None or "Expiration" in session:
        yield
        return
    session["Expiration"] = time.time() + LIFE_SECONDS
    try:
        yield
    finally:
        session.pop("Expiration", None)
