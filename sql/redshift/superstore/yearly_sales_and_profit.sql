-- What are sales, profit and margin per year? Amounts have four decimals, so they are rounded after adding up.
SELECT
    EXTRACT(YEAR FROM month_start) AS order_year,
    SUM(order_lines) AS order_lines,
    ROUND(SUM(sales), 2) AS sales,
    ROUND(SUM(profit), 2) AS profit,
    ROUND(100 * SUM(profit) / NULLIF(SUM(sales), 0), 1) AS margin_percent
FROM curated.superstore_sales_by_month
GROUP BY EXTRACT(YEAR FROM month_start)
ORDER BY order_year;
