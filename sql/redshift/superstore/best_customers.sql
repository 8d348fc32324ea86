-- Which twenty customers bought the most, how often, and when last?
SELECT
    customer_id,
    SUM(orders) AS orders,
    ROUND(SUM(sales), 2) AS sales,
    ROUND(SUM(profit), 2) AS profit,
    MAX(last_order_date) AS last_order_date,
    DATEDIFF(day, MAX(last_order_date), (SELECT MAX(last_order_date) FROM curated.superstore_customers_by_month))
        AS days_before_the_newest_order
FROM curated.superstore_customers_by_month
GROUP BY customer_id
ORDER BY SUM(sales) DESC, customer_id
LIMIT 20;
