"""What settings leave open that a person should decide before anything is deployed, said at each synthesis.

A warning lets the deployment go on. What must be decided stops `cdk synth` and `cdk deploy`, before anything is built.
Of the local environment nothing is said: it has one account, one machine and no mail.
"""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import Annotations, Stack

from contracts.errors import ContractInvalid
from stacks.settings import Settings

_UNTOLD = {
    "file_rejected": "when a partner's file is refused, only the owners named in contracts hear of it",
    "run_failed": "when a run fails, only the owners named in contracts hear of it",
    "alarms": "when an alarm goes off, nobody hears of it",
}


def say(stack: Stack, settings: Settings) -> None:
    """Add every warning to `stack`; the CDK's command line prints them."""
    if settings.environment == "local":
        return
    for name, text in warnings(settings):
        Annotations.of(stack).add_warning_v2(f"slipway:{name}", text)


def warnings(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each warning with the setting that ends it."""
    file = f"config/{settings.environment}.yaml"
    for name, meaning in _UNTOLD.items():
        if not getattr(settings.alerts, name):
            yield f"alerts.{name}", f"{file}: alerts.{name} is empty: {meaning}; add an address"
    sftp = settings.sftp
    if sftp.enabled and not sftp.users:
        yield (
            "sftp.users",
            f"{file}: sftp.users is empty, so there is no SFTP server and no partner can deliver;"
            " add one, or set sftp.enabled: false if that is meant",
        )
    if sftp.has_server and not sftp.vpc:
        yield (
            "sftp.vpc",
            f"{file}: everybody on the internet may reach port 22 of the SFTP server (partners log in with keys);"
            " set sftp.vpc and sftp.allowed_networks to close it"
            " (docs/decisions/0011-sftp-networks.md)",
        )
    if strangers := _strangers(settings):
        yield (
            "people",
            f"{file}: people names roles outside account {settings.account}: {', '.join(strangers)};"
            " whoever controls that account decides who may work here",
        )


def _strangers(settings: Settings) -> list[str]:
    """Who may assume a role of people from another account; nobody is known as such while the account is null."""
    if settings.account is None:
        return []
    return [arn for arn in settings.people.named if arn.split(":")[4] != settings.account]


def require_destination(settings: Settings) -> None:
    """Production goes to the account that the settings name, never to that of whichever profile is active.

    Raises ContractInvalid that names what is missing.
    """
    examples = {"account": '"111122223333"', "region": "eu-central-1"}
    missing = [field for field in examples if getattr(settings, field) is None]
    if settings.environment == "prod" and missing:
        lines = (
            f"config/prod.yaml: {field}: is null, so prod would go wherever the credentials in use point;"
            f" write {field}: {examples[field]}"
            for field in missing
        )
        raise ContractInvalid("\n".join(lines))
