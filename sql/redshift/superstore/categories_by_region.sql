-- Which category earns and which loses money in each region?
SELECT
    region,
    category,
    ROUND(SUM(sales), 2) AS sales,
    ROUND(SUM(profit), 2) AS profit,
    RANK() OVER (PARTITION BY region ORDER BY SUM(profit) DESC) AS rank_in_region
FROM curated.superstore_sales_by_month
GROUP BY region, category
ORDER BY region, rank_in_region;
