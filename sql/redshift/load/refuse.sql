-- A load of this table was refused, so the table is not what loads says: somebody changed rows in it, or dropped it. With
-- an unknown snapshot the next load takes everything. Outside of the load, which was rolled back.
INSERT INTO ${loads} ("run_id", "table_name", "snapshot_id", "shape", "mode", "loaded_rows", "loaded_at")
SELECT ${run_id}, ${table_name}, CAST(NULL AS BIGINT), ${shape}, ${mode}, 0, SYSDATE;
