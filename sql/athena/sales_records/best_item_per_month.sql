-- The item type with the most revenue in each month
SELECT month_start, item_type, revenue, profit
FROM (
    SELECT
        month_start,
        item_type,
        revenue,
        profit,
        row_number() OVER (PARTITION BY month_start ORDER BY revenue DESC, item_type) AS place
    FROM {curated}.sales_by_month_item
) AS ranked
WHERE place = 1
ORDER BY month_start
