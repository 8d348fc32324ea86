"""SFTP users are locked to their prefix; events reach the function, or wait where somebody looks."""

from __future__ import annotations

import json

from tests.infrastructure.support import Assembly, actions_of, flat, resources_of


def test_transfer_familys_events_of_this_server_reach_the_queue_of_intake(local: Assembly) -> None:
    rules = local.resources("AWS::Events::Rule", "Intake")
    [ended] = [rule["Properties"] for place, rule in rules.items() if "TransferEnded" in place]
    assert ended["EventPattern"] == {
        "source": ["aws.transfer"],
        "detail-type": [
            "SFTP Server File Upload Completed",
            "SFTP Server File Upload Failed",
            "SFTP Server File Rename Completed",
        ],
        "detail": {"server-id": [{"Fn::GetAtt": ["SftpServer", "ServerId"]}]},
    }
    [target] = ended["Targets"]
    assert "LandingEvents" in flat(target["Arn"])
    assert "DeadLetters" in flat(target["DeadLetterConfig"]["Arn"])


def test_overdue_arrivals_are_looked_for_every_few_minutes(
    prod: Assembly, comprehensive: Assembly
) -> None:
    for assembly, minutes in ((prod, 15), (comprehensive, 30)):
        rules = assembly.resources("AWS::Events::Rule", "Intake")
        [due] = [rule["Properties"] for place, rule in rules.items() if "ArrivalsDue" in place]
        assert due["ScheduleExpression"] == "rate(5 minutes)"
        [target] = due["Targets"]
        wanted = {
            "source": "slipway",
            "detail-type": "Arrivals Due",
            "detail": {"minutes": minutes},
        }
        assert json.loads(target["Input"]) == wanted
        assert "LandingEvents" in flat(target["Arn"])
        assert "DeadLetters" in flat(target["DeadLetterConfig"]["Arn"])


def test_without_a_partner_there_is_no_server_that_costs_by_the_hour(prod: Assembly) -> None:
    assert prod.resources("AWS::Transfer::Server") == {}
    rules = prod.resources("AWS::Events::Rule", "Intake")
    assert not any("TransferEnded" in place for place in rules)
    assert "SftpServer" not in str(prod.templates)
    [dashboard] = prod.resources("AWS::CloudWatch::Dashboard").values()
    assert "AWS/Transfer" not in str(dashboard)


def test_the_host_key_is_a_reference_to_a_secret_and_in_no_template(
    comprehensive: Assembly, local: Assembly
) -> None:
    key = comprehensive.only("AWS::Transfer::HostKey")
    assert (
        key["HostKeyBody"]
        == "{{resolve:secretsmanager:slipway/prod/sftp-host-key:SecretString:::}}"
    )
    assert key["ServerId"] == {"Fn::GetAtt": ["SftpServer", "ServerId"]}
    assert local.resources("AWS::Transfer::HostKey") == {}


def test_the_dashboard_shows_files_that_came_over_sftp(local: Assembly) -> None:
    [dashboard] = local.resources("AWS::CloudWatch::Dashboard").values()
    assert "AWS/Transfer" in str(dashboard)


def test_the_server_is_strict_and_logs(local: Assembly) -> None:
    server = local.only("AWS::Transfer::Server")
    assert server["Protocols"] == ["SFTP"]
    assert server["Domain"] == "S3"
    assert server["IdentityProviderType"] == "SERVICE_MANAGED"
    assert server["SecurityPolicyName"] == "TransferSecurityPolicy-2025-03"
    assert server["EndpointType"] == "PUBLIC"
    assert len(server["StructuredLogDestinations"]) == 1


def test_a_partner_sees_only_its_own_folder(comprehensive: Assembly) -> None:
    users = {
        u["Properties"]["UserName"]: u["Properties"]
        for u in comprehensive.resources("AWS::Transfer::User").values()
    }
    assert sorted(users) == ["acme", "globex"]
    for name, user in users.items():
        assert user["HomeDirectoryType"] == "LOGICAL"
        [mapping] = user["HomeDirectoryMappings"]
        assert mapping["Entry"] == "/"
        assert flat(mapping["Target"]).endswith(f">/partners/{name}")
    assert len(users["acme"]["SshPublicKeys"]) == 2


def test_a_partner_role_reaches_its_own_prefix_only(comprehensive: Assembly) -> None:
    [role] = [
        place.partition("/")[2]
        for place in comprehensive.resources("AWS::IAM::Role", "Intake")
        if "Partneracme" in place
    ]
    for statement in comprehensive.statements_of_role("Intake", role):
        for action in actions_of(statement):
            if action == "s3:ListBucket":
                assert statement["Condition"] == {
                    "StringLike": {"s3:prefix": ["partners/acme/", "partners/acme/*"]}
                }
            elif action.startswith("s3:") and action != "s3:GetBucketLocation":
                [resource] = resources_of(statement)
                assert resource.endswith(">/partners/acme/*")
            elif action.startswith("kms:"):
                assert "s3." in str(statement["Condition"]["StringEquals"]["kms:ViaService"])


def test_a_partner_role_is_assumed_for_this_server_only(comprehensive: Assembly) -> None:
    for place, role in comprehensive.resources("AWS::IAM::Role", "Intake").items():
        if "Partner" not in place:
            continue
        [trust] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "transfer.amazonaws.com"}
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}
        assert flat(trust["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(
            ":user/<SftpServer.ServerId>/*"
        )


def test_allowed_networks_close_the_port_to_everybody_else(comprehensive: Assembly) -> None:
    server = comprehensive.only("AWS::Transfer::Server")
    assert server["EndpointType"] == "VPC"
    [group] = comprehensive.resources("AWS::EC2::SecurityGroup", "Intake").items()
    assert server["EndpointDetails"]["SecurityGroupIds"] == [
        {"Fn::GetAtt": [group[0].partition("/")[2], "GroupId"]}
    ]
    ingress = group[1]["Properties"]["SecurityGroupIngress"]
    assert {
        (rule.get("CidrIp") or rule.get("CidrIpv6"), rule["FromPort"], rule["ToPort"])
        for rule in ingress
    } == {
        ("203.0.113.0/24", 22, 22),
        ("2001:db8:1::/48", 22, 22),
    }


def test_only_files_of_partners_raise_events(prod: Assembly) -> None:
    [rule] = [
        r["Properties"]
        for p, r in prod.resources("AWS::Events::Rule", "Intake").items()
        if "FileLanded" in p
    ]
    assert rule["EventPattern"]["source"] == ["aws.s3"]
    assert rule["EventPattern"]["detail-type"] == ["Object Created"]
    assert rule["EventPattern"]["detail"]["object"] == {"key": [{"prefix": "partners/"}]}


def test_a_message_is_retried_then_kept_for_two_weeks(comprehensive: Assembly) -> None:
    queues = comprehensive.resources("AWS::SQS::Queue", "Intake")
    [main] = [q["Properties"] for p, q in queues.items() if "LandingEvents" in p]
    [(dead_place, dead)] = [(p, q["Properties"]) for p, q in queues.items() if "DeadLetters" in p]
    [mapping] = comprehensive.resources("AWS::Lambda::EventSourceMapping").values()
    [function] = comprehensive.resources("AWS::Lambda::Function", "Intake").values()
    # tests/unit/lambdas/test_redelivery.py counts with both
    assert function["Properties"]["Timeout"] == 600
    assert main["RedrivePolicy"]["maxReceiveCount"] == 10
    assert main["VisibilityTimeout"] >= 6 * function["Properties"]["Timeout"]
    assert (
        main["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        == dead_place.partition("/")[2]
    )
    assert dead["MessageRetentionPeriod"] == 14 * 24 * 60 * 60
    assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["Properties"]["BatchSize"] == 5
    assert mapping["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 3}


def test_intake_never_changes_what_it_accepted(prod: Assembly) -> None:
    """Raw is written once: no delete, and rejected files can be added but not removed."""
    for statement in prod.statements_of_role("Intake", "IntakeRole"):
        if "s3:DeleteObject" in actions_of(statement):
            assert [resource.partition(">")[2] for resource in resources_of(statement)] == [
                "/partners/*"
            ]


def test_intake_may_decide_when_a_message_of_its_queue_comes_again_and_of_no_other(
    prod: Assembly,
) -> None:
    [allowed] = [
        resources_of(statement)
        for statement in prod.statements_of_role("Intake", "IntakeRole")
        if "sqs:ChangeMessageVisibility" in actions_of(statement)
    ]
    [queue] = [
        p.partition("/")[2]
        for p in prod.resources("AWS::SQS::Queue", "Intake")
        if "LandingEvents" in p
    ]
    assert allowed == [f"<{queue}.Arn>"]
    [function] = prod.resources("AWS::Lambda::Function", "Intake").values()
    assert function["Properties"]["Environment"]["Variables"]["QUEUE_URL"] == {"Ref": queue}
