-- Which tables there are now: somebody may have dropped one. A query of its own, because the catalog lives on the leader
-- node and cannot be joined with a table.
SELECT "table_name"
FROM "information_schema"."tables"
WHERE "table_schema" = ${schema_name}
ORDER BY "table_name";
