-- How did each region do from quarter to quarter, and how much more or less than in the quarter before?
WITH quarters AS (
    SELECT region, quarter_start, SUM(revenue) AS revenue, SUM(profit) AS profit
    FROM curated.sales_by_region_quarter
    GROUP BY region, quarter_start
)
SELECT
    region,
    quarter_start,
    revenue,
    profit,
    revenue - LAG(revenue) OVER (PARTITION BY region ORDER BY quarter_start) AS change_of_revenue
FROM quarters
ORDER BY region, quarter_start;
