-- The figures of both sides, a row each, as exact text. Each side is read once, since bytes read from the lake are paid
-- for. Part of compare.sql and difference.sql.
SELECT
    "named"."measure",
    CASE "named"."measure"
        ${lake_values}
    END AS "lake_value",
    CASE "named"."measure"
        ${warehouse_values}
    END AS "warehouse_value"
FROM (
    ${names}
) AS "named"
CROSS JOIN (
    SELECT
        ${figures}
    FROM ${lake_rows}
) AS "in_lake"
CROSS JOIN (
    SELECT
        ${figures}
    FROM ${warehouse_rows}
) AS "in_warehouse"
