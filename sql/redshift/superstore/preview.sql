-- What do the newest rows look like?
SELECT month_start, region, category, sub_category, order_lines, units, sales, profit
FROM curated.superstore_sales_by_month
ORDER BY month_start DESC, sales DESC, region, category, sub_category
LIMIT 10;
