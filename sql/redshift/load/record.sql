-- The table now holds this snapshot of the lake. Written in the same transaction as the rows, so it is true or not there.
INSERT INTO ${loads} ("run_id", "table_name", "snapshot_id", "shape", "mode", "loaded_rows", "loaded_at")
SELECT ${run_id}, ${table_name}, ${snapshot_id}, ${shape}, ${mode}, COUNT(*), SYSDATE
FROM ${staged};
