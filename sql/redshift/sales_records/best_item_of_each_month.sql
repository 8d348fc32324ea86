-- Which item type brought the most revenue in each month?
-- The alias is needed: QUALIFY is no reserved word, and right behind a table it would be taken for one.
SELECT month_start, item_type, revenue, profit
FROM curated.sales_by_month_item AS sales
QUALIFY ROW_NUMBER() OVER (PARTITION BY month_start ORDER BY revenue DESC, item_type) = 1
ORDER BY month_start;
