"""The list of adapters, in the order in which they are put in place."""

from __future__ import annotations

from local_cloud.adapters import (
    athena,
    cfn_types,
    control,
    glue_gaps,
    glue_permissions,
    lambda_errors,
    policy_variables,
    quicksight,
    redshift_service,
    s3_objects,
    secrets_of_stacks,
    service_roles,
    spark_jobs,
    step_functions_glue,
    step_functions_nested,
    step_functions_sns,
    transfer_events,
    undelivered,
    usage,
)
from local_cloud.settings import ServerSettings


def install_all(settings: ServerSettings) -> None:
    """Close every gap, or stop the start with the name that has moved."""
    spark_jobs.install(settings)
    step_functions_glue.install()
    step_functions_sns.install()
    step_functions_nested.install()
    service_roles.install()
    undelivered.install()
    s3_objects.install()
    transfer_events.install()
    cfn_types.install()
    glue_gaps.install()
    glue_permissions.install()
    athena.install(settings)
    lambda_errors.install()
    secrets_of_stacks.install()
    quicksight.install(settings)
    policy_variables.install()
    redshift_service.install(settings)
    usage.install()
    control.install(settings)
