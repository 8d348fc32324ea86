-- How many rows and orders does each table hold, from when to when?
SELECT
    'sales_by_region_quarter' AS table_name,
    COUNT(*) AS row_count,
    SUM(orders) AS orders,
    MIN(quarter_start) AS first_period,
    MAX(quarter_start) AS last_period
FROM curated.sales_by_region_quarter
UNION ALL
SELECT 'sales_by_month_item', COUNT(*), SUM(orders), MIN(month_start), MAX(month_start)
FROM curated.sales_by_month_item
ORDER BY table_name;
