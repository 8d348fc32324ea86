-- Each customer by recency, frequency and monetary value, with a segment, and what the customer brought in so far
-- customer_id string: Token of the customer
-- as_of_date date: Day of the newest order of anybody, from which recency counts; not the day of the query
-- first_order_date date: Day of the first order
-- last_order_date date: Day of the last order
-- recency_days bigint: Days from the last order to as_of_date
-- orders bigint: Number of orders: frequency
-- sales decimal(38,4): What the customer paid: monetary value
-- lifetime_value decimal(38,4): Profit from the first order to as_of_date; what was earned, no forecast
-- active_months bigint: Calendar months with an order
-- recency_score int: Fifth of the customers by last order, 5 the latest; ties by sales, then by token
-- frequency_score int: Fifth by orders, 5 the most; ties by sales, then by token
-- monetary_score int: Fifth by sales, 5 the most; ties by token
-- rfm_segment string: champions, loyal, promising, at risk, fading or lost
WITH customers AS (
    SELECT
        customer_id,
        min(first_order_date) AS first_order_date,
        max(last_order_date) AS last_order_date,
        sum(orders) AS orders,
        sum(sales) AS sales,
        sum(profit) AS profit,
        count(*) AS active_months
    FROM {curated}.superstore_customers_by_month
    GROUP BY customer_id
),
scored AS (
    SELECT
        customers.*,
        max(last_order_date) OVER () AS as_of_date,
        ntile(5) OVER (ORDER BY last_order_date, sales, customer_id) AS recency_score,
        ntile(5) OVER (ORDER BY orders, sales, customer_id) AS frequency_score,
        ntile(5) OVER (ORDER BY sales, customer_id) AS monetary_score
    FROM customers
)
SELECT
    customer_id,
    as_of_date,
    first_order_date,
    last_order_date,
    CAST(date_diff('day', last_order_date, as_of_date) AS bigint) AS recency_days,
    CAST(orders AS bigint) AS orders,
    CAST(sales AS decimal(38, 4)) AS sales,
    CAST(profit AS decimal(38, 4)) AS lifetime_value,
    CAST(active_months AS bigint) AS active_months,
    CAST(recency_score AS integer) AS recency_score,
    CAST(frequency_score AS integer) AS frequency_score,
    CAST(monetary_score AS integer) AS monetary_score,
    CAST(
        CASE
            WHEN recency_score >= 4 AND frequency_score + monetary_score >= 8 THEN 'champions'
            WHEN recency_score >= 3 AND frequency_score + monetary_score >= 6 THEN 'loyal'
            WHEN recency_score >= 3 THEN 'promising'
            WHEN frequency_score + monetary_score >= 7 THEN 'at risk'
            WHEN recency_score = 2 THEN 'fading'
            ELSE 'lost'
        END AS varchar
    ) AS rfm_segment
FROM scored
