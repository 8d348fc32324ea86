"""The list of adapters, in the order in which they are put in place."""

from __future__ import annotations

from local_cloud.adapters import (
    cfn_types,
    lambda_errors,
    lambda_roles,
    policy_variables,
    s3_objects,
    secrets_of_stacks,
    service_roles,
    transfer_events,
    transfer_host_keys,
    undelivered,
)
from local_cloud.adapters.access import batches, deliveries, keys, unmapped
from local_cloud.adapters.athena import (
    permissions as athena_permissions,
)
from local_cloud.adapters.athena import (
    statements as athena,
)
from local_cloud.adapters.cloudtrail import service as cloudtrail
from local_cloud.adapters.cloudwatch import service as cloudwatch
from local_cloud.adapters.emr import applications as emr_applications
from local_cloud.adapters.glue import (
    crawlers as glue_crawlers,
)
from local_cloud.adapters.glue import (
    gaps as glue_gaps,
)
from local_cloud.adapters.glue import (
    jobs as spark_jobs,
)
from local_cloud.adapters.glue import (
    permissions as glue_permissions,
)
from local_cloud.adapters.quicksight import resources as quicksight
from local_cloud.adapters.rds import clusters as rds_clusters
from local_cloud.adapters.rds import instances as rds_instances
from local_cloud.adapters.redshift import service as redshift_service
from local_cloud.adapters.sagemaker import service as sagemaker_service
from local_cloud.adapters.step_functions import (
    athena as step_functions_athena,
)
from local_cloud.adapters.step_functions import (
    emr as step_functions_emr,
)
from local_cloud.adapters.step_functions import (
    glue as step_functions_glue,
)
from local_cloud.adapters.step_functions import (
    nested as step_functions_nested,
)
from local_cloud.adapters.step_functions import (
    sns as step_functions_sns,
)
from local_cloud.instruments import control, usage
from local_cloud.settings import ServerSettings


def install_all(settings: ServerSettings) -> None:
    """Close every gap, or stop the start with the name that has moved."""
    spark_jobs.install(settings)
    step_functions_glue.install()
    step_functions_emr.install(settings)
    step_functions_athena.install(settings)
    emr_applications.install()
    step_functions_sns.install()
    step_functions_nested.install()
    service_roles.install()
    undelivered.install()
    s3_objects.install()
    transfer_events.install()
    transfer_host_keys.install()
    cfn_types.install()
    glue_gaps.install()
    glue_crawlers.install(settings)
    glue_permissions.install()
    athena.install(settings)
    athena_permissions.install()
    lambda_errors.install()
    secrets_of_stacks.install()
    quicksight.install(settings)
    policy_variables.install()
    redshift_service.install(settings)
    rds_clusters.install_types(settings)
    rds_instances.install(settings)
    sagemaker_service.install(settings)
    keys.install()
    batches.install()
    deliveries.install()
    cloudwatch.install()
    lambda_roles.install()
    unmapped.install()
    cloudtrail.install()
    usage.install()
    control.install(settings)
