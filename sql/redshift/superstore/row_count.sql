-- How many rows and order lines does each table hold, from when to when?
SELECT
    'superstore_sales_by_month' AS table_name,
    COUNT(*) AS row_count,
    SUM(order_lines) AS order_lines,
    MIN(month_start) AS first_month,
    MAX(month_start) AS last_month
FROM curated.superstore_sales_by_month
UNION ALL
SELECT 'superstore_discounts_by_month', COUNT(*), SUM(order_lines), MIN(month_start), MAX(month_start)
FROM curated.superstore_discounts_by_month
UNION ALL
SELECT 'superstore_customers_by_month', COUNT(*), SUM(order_lines), MIN(month_start), MAX(month_start)
FROM curated.superstore_customers_by_month
ORDER BY table_name;
