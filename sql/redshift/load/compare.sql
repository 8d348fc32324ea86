-- The whole table against the whole table of the lake: rows, and every sum of money that the model conserves, to the last
-- digit. Equal is TRUE, different is null, which the column refuses: then nothing of this load is kept.
-- SYSDATE is the time at which the transaction began, so it ties these rows to their row in loads.
INSERT INTO ${load_checks} (
    "run_id", "table_name", "measure", "lake_value", "warehouse_value", "equal_to_lake", "checked_at"
)
SELECT
    ${run_id},
    ${table_name},
    "measure",
    "lake_value",
    "warehouse_value",
    CASE WHEN "lake_value" = "warehouse_value" THEN TRUE END,
    SYSDATE
FROM (
    ${measures}
) AS "compared";
