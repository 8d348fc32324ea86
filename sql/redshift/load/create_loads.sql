-- One row per table and load. The newest says which Iceberg snapshot the table holds (null: unknown, so that the next
-- load takes everything) and with which DDL it was made. run_id is 'by-hand' when nobody's run asked for the load.
CREATE TABLE IF NOT EXISTS ${loads} (
    "run_id" VARCHAR(64) NOT NULL,
    "table_name" VARCHAR(127) NOT NULL,
    "snapshot_id" BIGINT,
    "shape" VARCHAR(64) NOT NULL,
    "mode" VARCHAR(16) NOT NULL,
    "loaded_rows" BIGINT NOT NULL,
    "loaded_at" TIMESTAMP NOT NULL
)
DISTSTYLE ALL
COMPOUND SORTKEY ("table_name", "loaded_at");
