-- What do discounts do to the margin, and how many lines are sold at a loss?
SELECT
    category,
    discount_band,
    SUM(order_lines) AS order_lines,
    ROUND(100.0 * SUM(loss_lines) / NULLIF(SUM(order_lines), 0), 1) AS loss_lines_percent,
    ROUND(SUM(sales), 2) AS sales,
    ROUND(SUM(profit), 2) AS profit,
    ROUND(100 * SUM(profit) / NULLIF(SUM(sales), 0), 1) AS margin_percent
FROM curated.superstore_discounts_by_month
GROUP BY category, discount_band
ORDER BY category, margin_percent DESC, discount_band;
