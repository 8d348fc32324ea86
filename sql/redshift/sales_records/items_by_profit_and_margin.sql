-- Which item types earn the most, and at which margin?
SELECT
    item_type,
    SUM(orders) AS orders,
    SUM(units) AS units,
    SUM(profit) AS profit,
    ROUND(100 * SUM(profit) / NULLIF(SUM(revenue), 0), 1) AS margin_percent,
    RANK() OVER (ORDER BY SUM(profit) DESC) AS rank_by_profit
FROM curated.sales_by_month_item
GROUP BY item_type
ORDER BY rank_by_profit, item_type;
