-- Asked after a load was refused, to say by how much: each figure of the lake, and what the table would have held, which
-- is its rows of all other periods together with the lake's rows of the loaded ones.
WITH "after_load" AS (
    SELECT ${money} FROM ${table} WHERE NOT (${scope})
    UNION ALL
    SELECT ${money} FROM ${lake_table} WHERE ${scope}
)
SELECT "measure", "lake_value", "warehouse_value"
FROM (
    ${measures}
) AS "compared"
ORDER BY "measure";
