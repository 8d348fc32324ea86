-- One row per cohort (month of a customer's first order) and month with an order of it.
WITH first_orders AS (
    SELECT
        customer_id,
        CAST(date_trunc('month', min(order_date)) AS date) AS cohort_month
    FROM superstore
    GROUP BY customer_id
),
cohorts AS (
    SELECT
        cohort_month,
        count(*) AS cohort_customers
    FROM first_orders
    GROUP BY cohort_month
),
activity AS (
    SELECT
        first_orders.cohort_month,
        CAST(date_trunc('month', superstore.order_date) AS date) AS month_start,
        count(DISTINCT superstore.customer_id) AS customers,
        count(DISTINCT superstore.order_id) AS orders,
        sum(superstore.sales) AS sales,
        sum(superstore.profit) AS profit
    FROM superstore
    INNER JOIN first_orders ON superstore.customer_id = first_orders.customer_id
    GROUP BY
        first_orders.cohort_month,
        CAST(date_trunc('month', superstore.order_date) AS date)
)
SELECT
    activity.cohort_month,
    activity.month_start,
    CAST(
        (year(activity.month_start) - year(activity.cohort_month)) * 12
        + month(activity.month_start) - month(activity.cohort_month) AS int
    ) AS months_since_first,
    CAST(activity.customers AS bigint) AS customers,
    CAST(cohorts.cohort_customers AS bigint) AS cohort_customers,
    CAST(activity.orders AS bigint) AS orders,
    CAST(activity.sales AS decimal(38, 4)) AS sales,
    CAST(activity.profit AS decimal(38, 4)) AS profit
FROM activity
INNER JOIN cohorts ON activity.cohort_month = cohorts.cohort_month
