-- What discounts do: lines, lines sold at a loss, sales, profit and margin by category and band of discount
SELECT
    category,
    discount_band,
    sum(order_lines) AS order_lines,
    sum(loss_lines) AS loss_lines,
    CAST(round(sum(sales), 2) AS decimal(18, 2)) AS sales,
    CAST(round(sum(profit), 2) AS decimal(18, 2)) AS profit,
    CAST(round(100 * sum(profit) / nullif(sum(sales), 0), 1) AS decimal(9, 1)) AS margin_percent
FROM {curated}.superstore_discounts_by_month
GROUP BY category, discount_band
ORDER BY
    category,
    CASE discount_band WHEN 'none' THEN 1 WHEN 'to 20 %' THEN 2 WHEN 'to 40 %' THEN 3 ELSE 4 END
