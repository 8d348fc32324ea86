-- How many bytes of the lake each statement of a load scanned. Asked after the load, of the superuser's own queries: a
-- system view cannot be read in the transaction that it describes, and is no part of the load.
SELECT "query_id", CAST(SUM("returned_bytes") AS BIGINT) AS "lake_bytes"
FROM "sys_external_query_detail"
WHERE "query_id" IN (${query_ids})
GROUP BY "query_id"
ORDER BY "query_id";
