-- One figure on both sides, as exact text. Part of compare.sql and difference.sql.
SELECT
    CAST(${measure} AS VARCHAR(127)) AS "measure",
    "in_lake"."figure" AS "lake_value",
    "in_warehouse"."figure" AS "warehouse_value"
FROM (SELECT CAST(${figure} AS VARCHAR(64)) AS "figure" FROM ${lake_rows}) AS "in_lake"
CROSS JOIN (SELECT CAST(${figure} AS VARCHAR(64)) AS "figure" FROM ${warehouse_rows}) AS "in_warehouse"
