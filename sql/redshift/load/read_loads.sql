-- The newest load of each table of the dataset: what the warehouse holds.
SELECT "newest"."table_name", "newest"."snapshot_id", "newest"."shape"
FROM (
    SELECT
        "table_name",
        "snapshot_id",
        "shape",
        ROW_NUMBER() OVER (PARTITION BY "table_name" ORDER BY "loaded_at" DESC) AS "age"
    FROM ${loads}
    WHERE "table_name" IN (${table_names})
) AS "newest"
WHERE "newest"."age" = 1
ORDER BY "newest"."table_name";
