-- How does each month compare with the same month a year before?
WITH months AS (
    SELECT
        month_start,
        EXTRACT(YEAR FROM month_start) AS order_year,
        EXTRACT(MONTH FROM month_start) AS order_month,
        SUM(revenue) AS revenue
    FROM curated.sales_by_month_item
    GROUP BY month_start
)
SELECT
    this.month_start,
    this.revenue,
    before.revenue AS revenue_a_year_before,
    ROUND(100 * (this.revenue - before.revenue) / NULLIF(before.revenue, 0), 1) AS growth_percent
FROM months AS this
INNER JOIN months AS before
    ON before.order_year = this.order_year - 1
    AND before.order_month = this.order_month
ORDER BY this.month_start;
