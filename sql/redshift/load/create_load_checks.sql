-- What a load compared before it was committed. Redshift enforces NOT NULL and nothing else, so a difference is written
-- as a null into equal_to_lake: the INSERT fails, and the whole load with it. Values are text, so that no scale is lost.
CREATE TABLE IF NOT EXISTS ${load_checks} (
    "run_id" VARCHAR(64) NOT NULL,
    "table_name" VARCHAR(127) NOT NULL,
    "measure" VARCHAR(127) NOT NULL,
    "lake_value" VARCHAR(64) NOT NULL,
    "warehouse_value" VARCHAR(64) NOT NULL,
    "equal_to_lake" BOOLEAN NOT NULL,
    "checked_at" TIMESTAMP NOT NULL
)
DISTSTYLE ALL
COMPOUND SORTKEY ("table_name", "checked_at");
