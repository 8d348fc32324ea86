"""`slipway verify`: what IAM Access Analyzer and Step Functions say of what is deployed; it changes nothing."""

from __future__ import annotations

import argparse

from contracts.errors import PermanentError
from slipway.acting import verification
from slipway.console import counted, say
from slipway.deployment import LOCAL, connect


def run(options: argparse.Namespace) -> int:
    """1 when AWS calls something an error or a risk; 0 when it is content or only suggests."""
    if options.environment == LOCAL:
        raise PermanentError(
            "only AWS has an Access Analyzer: give --environment dev or prod, and credentials of the account"
        )
    remarks = list(verification.remarks(connect(options.environment)))
    grave = [each for each in remarks if each.is_grave]
    for each in sorted(remarks, key=lambda remark: (not remark.is_grave, remark.of)):
        say(f"{each.kind}  {each.of}: {each.text}")
    say(f"{counted(len(grave), 'error')} and {counted(len(remarks) - len(grave), 'suggestion')}")
    return int(bool(grave))
