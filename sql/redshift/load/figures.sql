-- What the tables of the dataset hold after this load, by their newest load and its checks.
SELECT
    "newest"."table_name",
    "newest"."run_id",
    "newest"."mode",
    "newest"."loaded_rows",
    "checks"."measure",
    "checks"."lake_value",
    "checks"."warehouse_value"
FROM (
    SELECT
        "table_name",
        "run_id",
        "mode",
        "loaded_rows",
        "loaded_at",
        ROW_NUMBER() OVER (PARTITION BY "table_name" ORDER BY "loaded_at" DESC) AS "age"
    FROM ${loads}
    WHERE "table_name" IN (${table_names})
) AS "newest"
INNER JOIN ${load_checks} AS "checks"
    ON "checks"."table_name" = "newest"."table_name"
    AND "checks"."run_id" = "newest"."run_id"
    AND "checks"."checked_at" = "newest"."loaded_at"
WHERE "newest"."age" = 1
ORDER BY "newest"."table_name", "checks"."measure";
