-- What do the newest rows look like?
SELECT month_start, item_type, orders, units, revenue, cost, profit
FROM curated.sales_by_month_item
ORDER BY month_start DESC, revenue DESC, item_type
LIMIT 10;
