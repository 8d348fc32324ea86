"""A rejected file, or one that was set aside, is judged again under the contract as it is now, without a new upload.

A file that was set aside passed intake, so it waits again and a run judges its rows. Of a rejected file intake alone
can say whether it is a delivery: it gets a message, and finds the file where it landed, or in its copy below rejected/.
"""

from __future__ import annotations

import getpass
import json
import time

from contracts import headers, model
from contracts.errors import PermanentError
from pipeline import intake_messages
from pipeline.aws_errors import code
from pipeline.ledger import FileLedger, Item
from slipway.deployment import Deployment
from slipway.reading import ledgers

PATIENCE_SECONDS = 300  # of intake, with its queue
POLL_SECONDS = 1.0
JUDGED = ("rejected", "set_aside")
INSTEAD = {
    "loaded": "it is loaded; `slipway backfill --files {hash}` loads it under the contract as it is now",
    "retracted": "it was retracted; have the partner send it again, and it is loaded",
    "claimed": "a run has it",
    "waiting": "it waits for a run; `slipway runs start` takes it now",
    "incomplete": "its upload is not known to be complete; `slipway files accept {key}` takes it as it is",
}


def one(deployment: Deployment, name: str, dataset: str | None) -> Item:
    """The newest delivery that was set aside or rejected under a hash, landing key or file name.

    Raises PermanentError when there is none, or when a file name is that of several keys.
    """
    named = ledgers.called(deployment, name, dataset)
    judged = [item for item in named if item["status"] in JUDGED]
    if not judged:
        raise PermanentError(f"{name!r} cannot be judged again: {_why_not(named)}")
    return ledgers.newest(judged, name)


def release(deployment: Deployment, item: Item) -> None:
    """Let a file that was set aside wait again.

    Raises PermanentError when it has left raw, or its header does not fit the contract any more.
    """
    contract = model.load(item["dataset"])
    if not _is_there(deployment, deployment.output("RawBucketName"), str(item["raw_key"]), None):
        raise PermanentError(
            f"{item['file_name']} has left raw, which keeps files for {contract.retention.raw_days} days;"
            " ask the partner to send it again"
        )
    is_replay = item.get("replay_of") is not None
    header = tuple(item["header"])
    if wrong := headers.problems(contract, header, contract.schema_change, is_replay=is_replay):
        raise PermanentError(
            f"the header of {item['file_name']} does not fit the contract: {'; '.join(wrong)}; it stays set aside"
        )
    if not FileLedger(deployment.file_ledger).release(item["dataset"], item["sha256"]):
        raise PermanentError(f"{item['file_name']} is not set aside any more")


def reopen(deployment: Deployment, item: Item) -> None:
    """Have intake judge a rejected file again. Raises PermanentError when nothing of it is kept any more."""
    bucket = str(item["landing_bucket"])
    landed = _is_there(deployment, bucket, str(item["landing_key"]), item["version_id"])
    if not landed and not _is_there(deployment, bucket, str(item["rejected_key"]), None):
        raise PermanentError(
            f"{item['file_name']} is kept nowhere any more: its retention in landing and below rejected/ is over;"
            " ask the partner to send it again"
        )
    body = intake_messages.judge_again(
        dataset=item["dataset"], entry=item["entry"], by=getpass.getuser()
    )
    deployment.client("sqs").send_message(
        QueueUrl=deployment.output("IntakeQueueUrl"), MessageBody=json.dumps(body)
    )


def until_judged(deployment: Deployment, item: Item) -> Item:
    """The entry of a rejected file once intake has judged it again. Raises PermanentError when that takes too long."""
    ledger, deadline = FileLedger(deployment.file_ledger), time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        now = ledger.get(item["dataset"], item["entry"])
        if now is not None and now.get("judged_at") != item.get("judged_at"):
            return now
        time.sleep(POLL_SECONDS)
    raise PermanentError(
        f"intake has not judged {item['file_name']} in {PATIENCE_SECONDS // 60} minutes; type: slipway doctor"
    )


def _why_not(named: list[Item]) -> str:
    if not named:
        return "no file has this name, key or hash; `slipway files list` shows all"
    newest = max(named, key=lambda item: str(item["received_at"]))
    plain = f"it is {newest['status']}"
    sha256 = str(newest.get("sha256", ""))[: ledgers.SHORT_HASH]
    why = INSTEAD.get(str(newest["status"]), plain)
    return why.format(hash=sha256, key=newest["landing_key"])


def _is_there(deployment: Deployment, bucket: str, key: str, version_id: str | None) -> bool:
    s3 = deployment.client("s3")
    version = {"VersionId": version_id} if version_id else {}
    try:
        s3.head_object(Bucket=bucket, Key=key, **version)
    except s3.exceptions.ClientError as error:
        if code(error) not in ("404", "NoSuchKey", "NoSuchVersion", "405"):
            raise
        return False
    return True
