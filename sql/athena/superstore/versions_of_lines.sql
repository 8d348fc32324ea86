-- Order lines by how often they were delivered, and what profit their versions said.
SELECT
    row_id,
    count(*) AS versions,
    min(_received_at) AS first_received_at,
    max(_received_at) AS last_received_at,
    min(profit) AS least_profit,
    max(profit) AS greatest_profit
FROM {processed}.superstore_history
GROUP BY row_id
ORDER BY versions DESC, row_id
LIMIT 100
