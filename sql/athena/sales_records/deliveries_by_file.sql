-- What each of the last hundred files brought into the processed table
SELECT
    _source_file,
    min(_received_at) AS received_at,
    count(*) AS orders,
    sum(total_revenue) AS revenue
FROM {processed}.sales_records
GROUP BY _source_file
ORDER BY received_at DESC
LIMIT 100
