-- The curated zone of the lake as a schema: its Iceberg tables, at their current snapshot, by way of the Glue catalog.
-- Read under the namespace's default role, so that no ARN stands here. Unlike CREATE EXTERNAL TABLE, this may stand in a
-- transaction. The database exists already; nothing is created outside the warehouse.
CREATE EXTERNAL SCHEMA IF NOT EXISTS ${lake}
FROM DATA CATALOG
DATABASE ${glue_database}
IAM_ROLE default;
